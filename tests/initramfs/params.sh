#!/usr/bin/env bash
# params.sh - kernel parameters: what is kept, what is told, and that nothing of it is ever run
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2016 # in quotes is code for the shell under test
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/lib.sh"

# CMDLINE: read it
read_line() {
	printf '%s\n' "$1" >"$WORK/cmdline"
	in_shell 'read_params '"$WORK/cmdline"
	[ "$RC" -eq 0 ] || fail "exit code $RC: $(cat "$WORK/out")"
	[ ! -s "$WORK/out" ] || fail "said: $(cat "$WORK/out")"
	is run/salvor/params "$2"
	is run/salvor/notes "$3"
	calls_are ''
}

nothing_given() { read_line 'BOOT_IMAGE=/vmlinuz quiet console=ttyS0,115200 net.ifnames=0' '' ''; }

all_given() {
	read_line 'salvor.ui=plain salvor.lang=de_DE.UTF-8 salvor.keymap=de-latin1 salvor.font=large salvor.tz=America/Argentina/Buenos_Aires
salvor.net=off salvor.nowrite salvor.after=poweroff salvor.log=SALVORDATA' \
		'ui=plain
lang=de_DE.UTF-8
keymap=de-latin1
font=large
tz=America/Argentina/Buenos_Aires
net=off
nowrite=1
after=poweroff
log=SALVORDATA' ''
}

last_one_counts() {
	read_line 'salvor.ui=plain salvor.ui=shell' 'ui=plain
ui=shell' ''
	in_shell 'param ui; param after'
	[ "$(cat "$WORK/out")" = shell ] || fail "got $(cat "$WORK/out")"
}

switches() {
	read_line 'salvor.nowrite=1 salvor.nowrite=yes salvor.nowrite=0 salvor.nowrite=no' 'nowrite=1
nowrite=1
nowrite=0
nowrite=0' ''
	in_shell 'nowrite || echo off'
	[ "$(cat "$WORK/out")" = off ] || fail 'the last one does not count'
}

# who wants his disks locked and mistypes gets them locked
doubt_locks() { read_line 'salvor.nowrite=ture' 'nowrite=1' 'salvor.nowrite=ture is not known. Known are: yes, no. The disks are locked.'; }

not_yet() {
	read_line 'salvor.job=LABEL:/f salvor.store=smb://nas/x salvor.secret=a salvor.sshkey=b salvor.toram brltty=de speakup.synth=soft ip=dhcp' '' \
		'salvor.job is not supported yet.
salvor.store is not supported yet.
salvor.secret is not supported yet.
salvor.sshkey is not supported yet.
salvor.toram is not needed: Salvor always runs from memory.
brltty= is not supported yet.
speakup.synth= is not supported yet.
ip= is not supported yet.'
}

not_known() {
	read_line 'salvor.colour=red salvor. salvor.=1 salvor.UI=tui salvor.ui salvor.ui= salvor.after=now' '' \
		'salvor.colour is not known.
salvor. is not known.
salvor. is not known.
salvor.UI is not known.
salvor.ui= is not known. Known are: tui plain shell.
salvor.ui= is not known. Known are: tui plain shell.
salvor.after=now is not known. Known are: poweroff reboot shell none.'
}

keys() {
	local key=AAAAC3NzaC1lZDI1NTE5AAAAIJq7/gN0vS+fB0Cc2CkX3y4lJ6h9Q0
	read_line "salvor.ssh=\"ssh-ed25519 $key me@host\" \"salvor.ssh=ssh-ed25519 $key\" salvor.ssh=ssh-ed25519,$key,me salvor.ssh=$key" \
		"ssh=ssh-ed25519 $key
ssh=ssh-ed25519 $key
ssh=ssh-ed25519 $key
ssh=ssh-ed25519 $key" ''
}

bad_keys() {
	local text='salvor.ssh= wants a public key (ssh-ed25519, ssh-rsa or ecdsa-sha2-nistp256). The server stays off.'
	read_line 'salvor.ssh salvor.ssh=yes salvor.ssh=AAAA salvor.ssh=command="reboot",ssh-ed25519,AAAAC3NzaC1lZDI1NTE5$(reboot)' '' \
		"$text
$text
$text
$text"
}

hostile() {
	read_line 'salvor.keymap=$(reboot) salvor.tz="a;reboot" salvor.lang=`reboot` salvor.font=../../x|y salvor.log="x && reboot" salvor.net=eth0;reboot salvor.ui="tui
shell" salvor.after=*' '' \
		'salvor.keymap=$(reboot) is not understood.
salvor.tz=a;reboot is not understood.
salvor.lang=`reboot` is not understood.
salvor.font=../../x|y is not understood.
salvor.log=x && reboot is not understood.
salvor.net=eth0;reboot is not understood.
salvor.ui=tui shell is not known. Known are: tui plain shell.
salvor.after=* is not known. Known are: poweroff reboot shell none.'
}

# an escape sequence in a boot menu must not reach a terminal
control_characters() { read_line $'salvor.x=\e[2J\a salvor.keymap=d\x01e' 'keymap=d' 'salvor.x is not known.'; }

very_long() {
	local long
	long=$(printf 'a%.0s' $(seq 5000))
	read_line "salvor.keymap=$long salvor.$long=1 salvor.ui=$long salvor.ui=tui" 'ui=tui' \
		"salvor.keymap=${long:0:40} is not understood.
salvor.${long:0:40} is not known.
salvor.ui=${long:0:40} is not known. Known are: tui plain shell."
}

open_quote() { read_line 'salvor.ui=plain salvor.lang="de salvor.ui=tui' 'ui=plain' 'salvor.lang=de salvor.ui=tui is not understood.'; }

# a value cannot pretend to be another parameter
no_second_line() {
	read_line 'salvor.tz=Europe/Berlin salvor.lang="en
nowrite=1"' 'tz=Europe/Berlin' 'salvor.lang=en nowrite=1 is not understood.'
}

no_file() {
	in_shell 'read_params /nonexistent/cmdline; param ui'
	is run/salvor/params ''
}

run_cases nothing_given all_given last_one_counts switches doubt_locks not_yet not_known keys bad_keys hostile control_characters \
	very_long open_quote no_second_line no_file
