#!/bin/sh
# console.sh - a session on a console: a page with what to do, and a shell
# SPDX-License-Identifier: GPL-3.0-or-later
: "${root?}" "${run?}" "${lib?}"

# TTY: wait for it, make it ours, run a session; busybox init starts it again when it ends
console() {
	while ! tty_there "$1"; do
		sleep 5
	done
	exec <>"$root/dev/$1" >&0 2>&1
	set_terminal "$1"
	# shellcheck source=/dev/null
	. "$run/environment"
	cd "$root/root" || return
	run_session "$1"
	after_session
}

# TTY: screens get the interface; serial lines, which may be recorded or driven by a program, only when asked for
wants_interface() {
	case $(param ui):$1 in
	shell:*) return 1 ;;
	:tty[0-9]*) ;;
	:*) return 1 ;;
	esac
}

# TTY: where the interface cannot run (its end is not 0) the page with a shell is left
run_session() {
	[ -z "$(param check)" ] || {
		wait_for_devices "$1"
		wait_for_check
	}
	if wants_interface "$1"; then
		# also for the font: letters that stand there already would turn into others when it is loaded
		wait_for_devices "$1"
		! salvor || [ "$(param after)" = shell ] || return 0
	fi
	[ "$(param ui)" = shell ] || welcome_page
	bash -l
}

# TTY: its kind for the programs, and its size where the line cannot tell
set_terminal() {
	case $1 in
	tty[0-9]*) TERM=linux ;;
	*)
		TERM=vt220
		# the speed the kernel uses, if it does
		grep -qw "$1" "$root/sys/class/tty/console/active" || stty 115200
		stty sane rows 24 cols 80
		;;
	esac
	export TERM HOME=/root USER=root LOGNAME=root SHELL=/bin/bash
	[ "$(param ui)" != plain ] || export SALVOR_UI=plain NO_COLOR=1
}

# TTY: disks appear seconds after the start, and who sees an empty list believes that they are gone
wait_for_devices() {
	[ ! -e "$run/ready" ] || return 0
	printf '\n  Looking for disks ...\n'
	# woken through a pipe: looking again and again would take its time from the search
	[ -p "$run/waiting.$1" ] || mkfifo "$run/waiting.$1"
	{ [ -e "$run/ready" ] || timeout 30 head -n 1 <&3 >/dev/null; } 3<>"$run/waiting.$1"
	[ -e "$run/ready" ] || printf '  Some devices do not answer; going on without them after 30 seconds.\n'
}

welcome_page() {
	# a serial line may be recorded, or be read by a machine: nothing is wiped off there
	[ "$TERM" != linux ] || [ "$(param ui)" = plain ] || printf '\033[H\033[2J'
	name=Salvor
	[ ! -r "$lib/version" ] || IFS= read -r name <"$lib/version"
	printf '\n  %s   rescue and backup\n\n' "$name"
	cat <<-'END'
		  Nothing on your disks has been changed. Nothing will be, unless you type a
		  command that says so and confirm it.

		    salvor                         the pages that lead through all of it
		    salvor disks                   list the disks of this computer
		    salvor map DISK                look what is on one
		    salvor save DISK FOLDER        save a disk into an image
		    salvor verify FOLDER           check an image
		    salvor restore FOLDER DISK     write an image back to a disk
		    salvor help                    all commands, and help for each

		    poweroff    turn off           reboot    start again

	END
	disk_lines
	status_lines
	echo
}

# nobody has to wait here: a program that reads this line may need the shell only
disk_lines() {
	if [ -e "$run/ready" ]; then
		printf '  Disks\n'
		salvor disks 2>&1 | sed 's/^/    /'
	else
		printf '  Disks are still being looked for; salvor disks lists them in a moment.\n'
	fi
}

# address, log, and what went otherwise than asked for
status_lines() {
	printf '\n  Network: %s\n' "$(addresses | awk '{ text = text sep $0; sep = ", " } END { print text ? text : "no address yet" }')"
	[ ! -s "$run/ssh.fingerprint" ] || printf '  SSH server is on, its key: %s\n' "$(cat "$run/ssh.fingerprint")"
	[ ! -s "$run/medium/result" ] || sed 's/^/  /' "$run/medium/result"
	! nowrite || printf '  All disks are locked against writing (salvor.nowrite).\n'
	[ ! -s "$run/notes" ] || sed 's/^/  Note: /' "$run/notes"
}

# what salvor.after= says happens when a session is left
after_session() {
	case $(param after) in
	poweroff) poweroff ;;
	reboot) reboot ;;
	*) return ;;
	esac
	sleep 60
}
