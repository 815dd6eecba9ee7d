#!/usr/bin/env bash
# vga.sh - the screen and keyboard of a virtual machine, by the same names as those of tests/lib/screens.sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after screens.sh and guest.sh; the guest needs a shell on its serial line. The text is the console's own
# memory of it, /dev/vcsu1; what the eye sees is kept as pictures by vga_picture.

# shellcheck disable=SC2034 # for screens.sh
SEE_TRIES=600

# a console of one size for the whole test
screen() {
	local size
	size=$(guest_run 'stty -F /dev/tty1 size')
	guest_run 'gzip -1c /dev/vcsu1 | base64' | base64 -d | gunzip | python3 -c '
import sys
width = int(sys.argv[1])
text = sys.stdin.buffer.read().decode("utf-32-le", "replace")
print("\n".join(text[i:i + width].rstrip() for i in range(0, len(text), width)))' "${size#* }"
}

# NAME...: as tmux calls them
keys() {
	local name names=()
	for name; do
		case $name in
		Enter) names+=(ret) ;;
		Escape) names+=(esc) ;;
		C-?) names+=("ctrl-${name#C-}") ;;
		?) names+=("$(_vga_key "$name")") ;;
		*) names+=("${name,,}") ;;
		esac
	done
	"$GUEST_PY" keys "$GUEST" "${names[@]}"
}

# a character on the American layout, as QEMU calls its key
_vga_key() {
	case $1 in
	[a-z0-9]) echo "$1" ;;
	[A-Z]) echo "shift-${1,,}" ;;
	/) echo slash ;;
	-) echo minus ;;
	_) echo shift-minus ;;
	.) echo dot ;;
	' ') echo spc ;;
	*) fail "no key for $1" ;;
	esac
}

type_text() {
	local i names=()
	for ((i = 0; i < ${#1}; i++)); do
		names+=("$(_vga_key "${1:i:1}")")
	done
	"$GUEST_PY" keys "$GUEST" "${names[@]}"
}

# NAME: keep the screen as build/logs/NAME.png
vga_picture() { guest_screendump "$TOP/${BUILD:-build}/logs/$1.png"; }
