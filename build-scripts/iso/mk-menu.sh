#!/usr/bin/env bash
# mk-menu.sh - print the boot menu made from bootloader/entries.conf
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: mk-menu.sh grub FILES medium|net     grub.cfg; FILES is the folder of vmlinuz and initrd for GRUB
#        mk-menu.sh ipxe                      a script for iPXE, beside vmlinuz and initrd
. "$(dirname "$0")/lib.sh"

entries=$TOP/bootloader/entries.conf

# WORD: what the line that starts with WORD says
setting() { data_lines "$entries" | sed -n "s/^$1  *//p" | grep . || die "$entries does not say $1"; }

# WHERE KIND...: print lines "ID|KIND|TITLE|WORDS" of the entries of these kinds for medium or net
entries_for() {
	local where=$1
	shift
	data_lines "$entries" | awk -F '|' -v where="$where" -v kinds=" $* " '
		NF == 1 { next }
		{ for (i = 1; i <= NF; i++) gsub(/^ +| +$/, "", $i) }
		NF != 5 || $2 !~ /^(linux|memtest|firmware)$/ || $3 !~ /^(any|medium)$/ || $4 ~ /\047/ {
			print "entries.conf: not an entry: " $0 > "/dev/stderr"; exit 1 }
		($3 == "any" || $3 == where) && index(kinds, " " $2 " ") { print $1 "|" $2 "|" $4 "|" $5 }'
}

grub_entry() {
	printf "%smenuentry '%s' --id %s {\n" "$1" "$2" "$3"
	printf "$1\t%s\n" "${@:4}"
	printf '%s}\n' "$1"
}

# WORD VARIABLE TEST: print the head of a condition
grub_if() { printf '%s [ "$%s" %s ]; then\n' "$1" "$2" "$3"; }

# FILES: print one entry, with the condition under which it can work
grub_entries() {
	local id kind title words
	while IFS='|' read -r id kind title words; do
		case $kind in
		linux) grub_entry '' "$title" "$id" "start $words" ;;
		memtest)
			# Memtest86+ has no signature that Secure Boot would take
			grub_if if grub_platform '= pc'
			grub_entry $'\t' "$title" "$id" "linux16 $1/memtest.bin"
			grub_if elif lockdown '!= y'
			grub_entry $'\t' "$title" "$id" "chainloader $1/memtest.efi"
			echo 'fi'
			;;
		firmware)
			grub_if if grub_platform '= efi'
			grub_entry $'\t' "$title" "$id" fwsetup
			echo 'fi'
			;;
		esac
	done
}

print_grub() {
	fill_in "$TOP/bootloader/grub.cfg.in" "TIMEOUT=$(setting timeout)" "COMMON=$(setting common)" \
		"NAME=$(profile name)" "VERSION=$VERSION" "FILES=$1"
	entries_for "$2" linux memtest firmware | grub_entries "$1" | sed -e "s/@ID@/$(medium_id)/" -e 's/ \{1,\}$//'
}

print_ipxe() {
	local id kind title words list
	list=$(entries_for net linux)
	echo '#!ipxe'
	echo "menu $(profile name) $VERSION"
	while IFS='|' read -r id kind title words; do echo "item $id $title"; done <<<"$list"
	echo "choose --timeout $(($(setting timeout) * 1000)) --default ${list%%|*} entry && goto \${entry} || exit"
	while IFS='|' read -r id kind title words; do
		printf ':%s\nkernel vmlinuz initrd=initrd %s\ninitrd initrd\nboot || exit\n' "$id" "$(setting common) $words"
	done <<<"$list"
}

case ${1:-} in
grub) print_grub "$2" "$3" ;;
ipxe) print_ipxe ;;
*) die 'usage: mk-menu.sh grub FILES medium|net, or mk-menu.sh ipxe' ;;
esac
