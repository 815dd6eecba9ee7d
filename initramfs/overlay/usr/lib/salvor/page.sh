#!/bin/sh
# page.sh - the consoles there are, and the page with a shell that a failed start ends in
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Sourced by /init and live-init, with the prefix of all paths in $root.
: "${root?}"

# TTY: is there something behind it? Serial ports have a node even without a port.
tty_there() {
	[ -c "$root/dev/$1" ] || return 1
	[ ! -e "$root/sys/class/tty/$1/type" ] || [ "$(cat "$root/sys/class/tty/$1/type")" != 0 ]
}

# names of the consoles that people may sit at, those given with console= included
console_names() {
	{
		printf '%s\n' tty1 ttyS0 hvc0
		tr ' ' '\n' <"$root/sys/class/tty/console/active" 2>/dev/null | grep -v '^tty0$'
	} | awk '/^[A-Za-z0-9]+$/ && !seen[$0]++'
}

# TITLE LINE...: the page, on stdout
failure_page() {
	printf '\n  %s\n' '------------------------------------------------------------------------'
	printf '  Salvor could not start.\n\n  %s\n' "$1"
	shift
	[ $# -eq 0 ] || printf '  %s\n' "$@"
	printf '\n  %s\n' 'Nothing was written to any disk. You can turn the computer off.' '' \
		'Or type a command:  reboot -f     start again' \
		'                    poweroff -f   turn off' \
		'                    dmesg         what the kernel says' \
		'------------------------------------------------------------------------'
}

# TTY TITLE LINE...: page and shell, again and again
failure_console() {
	tty=$1
	shift
	while :; do
		{
			failure_page "$@"
			setsid -c sh -i
		} <>"$root/dev/$tty" >&0 2>&1
		sleep 1
	done
}

# TITLE LINE...: the end of the road for PID 1, which must never end: a page with a shell on every console
failure() {
	echo "salvor: $1" >"$root/dev/kmsg"
	for name in $(console_names); do
		! tty_there "$name" || failure_console "$name" "$@" &
	done
	stay
}

# collect what ends, and do what poweroff and reboot ask PID 1 for
stay() {
	trap 'poweroff -f' USR1 USR2
	trap 'reboot -f' TERM INT
	while :; do
		sleep 1
	done
}
