#!/bin/sh
# params.sh - parameters of the kernel command line: salvor.NAME=VALUE, checked, kept in a file
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The file $run/params holds NAME=VALUE lines that other steps may trust; $run/notes what the user should know.
# The values come from whoever wrote the boot menu or answered the network boot: they are never evaluated.
: "${root?}" "${run?}"

# FILE: the words of a command line, one a line. Double quotes keep blanks together; control characters go
cmdline_words() {
	LC_ALL=C awk '
	{ text = text sep $0; sep = " " }
	END {
		gsub(/[\001-\037\177]/, " ", text)
		for (i = 1; i <= length(text); i++) {
			c = substr(text, i, 1)
			if (c == "\"")
				quoted = !quoted
			else if (c == " " && !quoted) {
				if (word != "")
					print word
				word = ""
			} else
				word = word c
		}
		if (word != "")
			print word
	}' "$1"
}

# SENTENCE: for the log and for the pages of the consoles
note() {
	printf '%s\n' "$1" >>"$run/notes"
	printf 'salvor: %s\n' "$1" >"$root/dev/kmsg"
}

# NAME VALUE: keep a value that was found good
keep_param() { printf '%s=%s\n' "$1" "$2" >>"$run/params"; }

# NAME: all its values, one a line. Asked often, so without a program
param_all() {
	[ -r "$run/params" ] || return 0
	while IFS= read -r line; do
		[ "${line%%=*}" != "$1" ] || printf '%s\n' "${line#*=}"
	done <"$run/params"
}

# NAME: its value; the last one given counts. Empty when not given
param() {
	last=
	[ -r "$run/params" ] || return 0
	while IFS= read -r line; do
		[ "${line%%=*}" != "$1" ] || last=${line#*=}
	done <"$run/params"
	[ -z "$last" ] || printf '%s\n' "$last"
}

# NAME VALUE: a value as it is shown, not longer than a line takes
shown() { printf 'salvor.%s=%.40s' "$1" "$2"; }

# NAME VALUE WORD...: keep VALUE when it is one of the words
one_of() {
	name=$1 value=$2
	shift 2
	for word; do
		[ "$value" != "$word" ] || {
			keep_param "$name" "$value"
			return
		}
	done
	note "$(shown "$name" "$value") is not known. Known are: $*."
}

# NAME VALUE CHARACTERS: is the value made of these characters only, and of reasonable length?
made_of() {
	case $2 in
	'' | *[!$3]*) ;;
	*) [ ${#2} -gt 64 ] || return 0 ;;
	esac
	note "$(shown "$1" "$2") is not understood."
	return 1
}

# VALUE: yes or no. Who mistypes a wish for locked disks gets them locked
nowrite_param() {
	case $1 in
	0 | no | off | false) keep_param nowrite 0 ;;
	*) keep_param nowrite 1 ;;
	esac
	case $1 in
	'' | 0 | 1 | yes | no | on | off | true | false) ;;
	*) note "$(shown nowrite "$1") is not known. Known are: yes, no. The disks are locked." ;;
	esac
}

# are writes to disks forbidden?
nowrite() { [ "$(param nowrite)" = 1 ]; }

# KEY: an OpenSSH public key, with commas instead of its blanks or not, or its base64 alone
ssh_param() {
	key=$(printf '%s\n' "$1" | tr ',' ' ' | sed 's/^[a-z0-9@.-]* *AAAA/AAAA/; s/ .*//')
	case $key in
	*[!A-Za-z0-9+/=]*) ;;
	AAAAC3NzaC1lZDI1NTE5*) keep_param ssh "ssh-ed25519 $key" && return ;;
	AAAAB3NzaC1yc2E*) keep_param ssh "ssh-rsa $key" && return ;;
	AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY*) keep_param ssh "ecdsa-sha2-nistp256 $key" && return ;;
	esac
	note 'salvor.ssh= wants a public key (ssh-ed25519, ssh-rsa or ecdsa-sha2-nistp256). The server stays off.'
}

# NAME VALUE: what follows "salvor." and "="
take_param() {
	case $1 in
	ui) one_of ui "$2" tui plain shell ;;
	after) one_of after "$2" poweroff reboot shell none ;;
	nowrite) nowrite_param "$2" ;;
	lang) ! made_of lang "$2" 'A-Za-z0-9_.@-' || keep_param lang "$2" ;;
	keymap) ! made_of keymap "$2" 'A-Za-z0-9_.-' || keep_param keymap "$2" ;;
	font) ! made_of font "$2" 'A-Za-z0-9_.-' || keep_param font "$2" ;;
	tz) ! made_of tz "$2" 'A-Za-z0-9_/+-' || keep_param tz "$2" ;;
	net) ! made_of net "$2" '0-9A-Za-z:.,/' || keep_param net "$2" ;;
	hostname) ! made_of hostname "$2" 'A-Za-z0-9-' || keep_param hostname "$2" ;;
	log) ! made_of log "$2" 'A-Za-z0-9_.:/-' || keep_param log "$2" ;;
	check) ! made_of check "$2" 'A-Za-z0-9.-' || keep_param check "$2" ;;
	ssh) ssh_param "$2" ;;
	toram) note 'salvor.toram is not needed: Salvor always runs from memory.' ;;
	job | store | secret | sshkey) note "salvor.$1 is not supported yet." ;;
	*) note "$(printf 'salvor.%.40s' "$1") is not known." ;;
	esac
}

# FILE: the command line; writes $run/params and $run/notes anew
read_params() {
	: >"$run/params"
	: >"$run/notes"
	cmdline_words "$1" | while IFS= read -r word; do
		case $word in
		salvor.*=*) word=${word#salvor.} && take_param "${word%%=*}" "${word#*=}" ;;
		salvor.*) take_param "${word#salvor.}" '' ;;
		brltty=* | speakup.synth=* | ip=*) note "${word%%=*}= is not supported yet." ;;
		esac
	done
	# for salvor itself, which takes the kernel's flag off a disk that it may write to
	! nowrite || : >"$run/nowrite"
}
