#!/bin/sh
# locale.sh - language, time zone, keyboard layout and font of the consoles
# SPDX-License-Identifier: GPL-3.0-or-later
: "${root?}" "${run?}"

# what every session gets; the clock of the machine is never set, only shown in another zone
set_locale() {
	set_language
	set_zone "$(param tz)"
}

# without one the interface asks first, and sets it
set_language() {
	{
		# SALVOR_LIVE: the interface may turn this machine off
		echo 'export LANG=C.UTF-8 SALVOR_LIVE=1'
		lang=$(param lang)
		[ -z "$lang" ] || echo "export LANGUAGE=$lang"
	} >"$run/environment.new"
	# a session that begins meanwhile reads the one or the other
	mv "$run/environment.new" "$run/environment"
}

# ZONE: as the folders of the time zone database name it
set_zone() {
	case $1 in
	'') return ;;
	/* | *..*) ;;
	*)
		[ ! -f "$root/usr/share/zoneinfo/$1" ] || {
			ln -sf "/usr/share/zoneinfo/$1" "$root/etc/localtime"
			return
		}
		;;
	esac
	note "salvor.tz=$1: there is no such time zone."
}

# NAME VALUE: what the interface's page changes; the notes say why it did not work
set_now() {
	notes=$(wc -l <"$run/notes")
	take_param "$1" "$2"
	[ "$(param "$1")" != "$2" ] || case $1 in
	lang) set_language ;;
	keymap) set_keymap ;;
	font) set_font ;;
	tz) set_zone "$2" ;;
	net) set_network ;;
	hostname) set_hostname ;;
	*) note "$(shown "$1" "$2") cannot be changed now." ;;
	esac
	[ "$(wc -l <"$run/notes")" = "$notes" ]
}

# the layout holds for all consoles of this machine; a serial line has the keyboard of its other end
set_keymap() {
	keymap=$(param keymap)
	[ -n "$keymap" ] || return 0
	for file in "$root"/usr/share/keymaps/i386/*/"$keymap".kmap.gz; do
		[ -f "$file" ] && loadkeys -q -u "$file" <"$root/dev/tty1" >/dev/null 2>&1 && return
	done
	note "salvor.keymap=$keymap: there is no such keyboard layout."
}

# in VGA text a font of 512 glyphs takes the bright colours away, so 256 there
screen_kind() {
	if [ -e "$root/sys/class/graphics/fb0" ]; then
		echo 512
	else
		echo 256
	fi
}

# 16 or 32: rows of dots of a letter. From 1920 dots on the letters of 16 are too small to read
letter_height() {
	case $(param font) in
	small) echo 16 ;;
	large) echo 32 ;;
	*)
		width=$(sed 's/,.*//' "$root/sys/class/graphics/fb0/virtual_size" 2>/dev/null)
		[ "${width:-0}" -ge 1920 ] && echo 32 || echo 16
		;;
	esac
}

# called again when a driver takes the screen over, because that brings the kernel's own font back
set_font() {
	kind=$(screen_kind) font=$(param font)
	case $font in
	'' | auto | small | large) font=salvor-$kind-$(letter_height) ;;
	esac
	# VGA text has letters of 16 dots only
	[ "$kind" = 512 ] || font=salvor-256-16
	file=$root/usr/share/consolefonts/$font.psf
	[ -f "$file" ] || file=$file.gz
	for tty in tty1 tty2 tty3; do
		setfont -C "$root/dev/$tty" "$file" 2>/dev/null || {
			note "the font $font could not be loaded."
			return
		}
	done
}
