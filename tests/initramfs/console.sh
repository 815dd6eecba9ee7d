#!/usr/bin/env bash
# console.sh - what runs on which console, and what happens when it is left
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2016 # in quotes is code for the shell under test
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/lib.sh"

# LINE...: what the kernel command line said
given() { printf '%s\n' "$@" >"$ROOT/run/salvor/params"; }

# TTY: a session on it, with all devices found
session() {
	: >"$WORK/calls"
	: >"$ROOT/run/salvor/ready"
	echo 'export LANG=C.UTF-8' >"$ROOT/run/salvor/environment"
	: >"$ROOT/dev/hvc0"
	in_shell "console $1"
}

screen_gets_interface() {
	session tty1
	calls_are 'salvor '
	session ttyS0
	called 'bash -l'
	session hvc0
	called 'bash -l'
	given ui=tui
	session ttyS0
	not_called bash
	given ui=plain
	session hvc0
	not_called bash
	given ui=shell
	session tty1
	calls_are 'bash -l'
}

# the page stays and says what can be done
interface_does_not_run() {
	FAIL='salvor '
	session tty1
	called 'bash -l'
	holds dev/tty1 'salvor help'
	holds dev/tty1 'Nothing on your disks has been changed.'
	holds dev/tty1 'Salvor   rescue'
	echo 'Salvor 9.9' >"$ROOT/usr/lib/salvor/version"
	session tty1
	holds dev/tty1 'Salvor 9.9   rescue'
	! LC_ALL=C grep '.\{80\}' "$ROOT/dev/tty1" || fail 'a line is wider than a screen'
}

# a shell does not wait for disks; the interface does, and is woken through its pipe, also when it was told before it looked
waits_for_devices() {
	echo 'export LANG=C.UTF-8' >"$ROOT/run/salvor/environment"
	in_shell 'console ttyS0'
	holds dev/ttyS0 'Disks are still being looked for'
	called 'bash -l'
	in_shell '(until [ -p "$run/waiting.tty1" ]; do :; done; say_ready) &
		console tty1'
	holds dev/tty1 'Looking for disks'
	lacks dev/tty1 'do not answer'
	called 'salvor '
	rm "$ROOT/run/salvor/ready"
	in_shell 'timeout() { echo "timeout $*" >>"$CALLS"; }
		console tty1'
	called 'timeout 30 '
	holds dev/tty1 'Some devices do not answer'
}

notes_are_told() {
	echo 'salvor.foo is not known.' >"$ROOT/run/salvor/notes"
	echo 'SHA256:abc' >"$ROOT/run/salvor/ssh.fingerprint"
	given nowrite=1
	session ttyS0
	holds dev/ttyS0 'Note: salvor.foo is not known.'
	holds dev/ttyS0 'SSH server is on, its key: SHA256:abc'
	holds dev/ttyS0 'All disks are locked against writing'
	holds dev/ttyS0 'Network: no address yet'
	# nothing is wiped off a line that may be recorded
	lacks dev/ttyS0 $'\e'
}

afterwards() {
	given after=poweroff
	session tty1
	called poweroff
	given after=reboot
	session tty1
	called reboot
	given after=shell
	session tty1
	called 'bash -l'
	given after=none
	session tty1
	calls_are 'salvor '
}

# every step that init starts is one that live-init knows
steps() {
	local step
	grep -v '^#' "$ROOT/etc/inittab" | sed -n 's,.*/usr/sbin/live-init ,,p' | cut -d ' ' -f 1 | sort -u >"$WORK/steps"
	[ -s "$WORK/steps" ] || fail 'no steps'
	while read -r step; do
		grep -q "^$step)" "$ROOT/usr/sbin/live-init" || fail "live-init does not know $step"
	done <"$WORK/steps"
}

run_cases screen_gets_interface interface_does_not_run waits_for_devices notes_are_told afterwards steps
