#!/usr/bin/env bash
# params.sh - kernel parameters typed into the boot menu, as people would, and what they do in a booted machine
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Two boots: a screen with pixels, plain mode, SSH, a fixed address, the log on a partition, the power button; then VGA text,
# locked disks, the log at another machine, the end by salvor.after. Both with a console on hvc0.
# shellcheck disable=SC2016 # in quotes is code for the shell in the machine
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
requires ssh ssh-keygen mkfs.vfat mcopy python3
work_dir params
. "$TOP/tests/lib/guest.sh"
. "$TOP/tests/lib/live.sh"

# a virtio console whose two ends are pipes: what it says goes to $WORK/hvc.log
add_hvc() {
	mkfifo "$WORK/hvc.in" "$WORK/hvc.out" 2>/dev/null || true
	# shellcheck disable=SC2054 # commas within words
	GUEST_ARGS+=(-device virtio-serial-pci -chardev "pipe,id=hvc,path=$WORK/hvc" -device 'virtconsole,chardev=hvc')
	cat "$WORK/hvc.out" >"$WORK/hvc.log" &
	# a pipe that nobody holds open would end
	exec 7<>"$WORK/hvc.in"
}

# PATTERN: wait until hvc0 has said it
hvc_says() {
	local _
	for _ in $(seq 600); do
		! grep -a -q -e "$1" "$WORK/hvc.log" || return 0
		sleep 0.5
	done
	tail -n 20 "$WORK/hvc.log" >&2
	fail "hvc0 never said: $1"
}

# N WORDS: entry N of the menu is edited: words behind its line, then started
menu_boot() {
	local entry=$1 words=$2 n
	live_start bios-usb 'safe graphics'
	for ((n = 0; n < entry; n++)); do menu_types '\x0e'; done
	menu_types e
	guest_wait setparams >/dev/null
	# past an empty line to the one that starts, to its end, and go
	menu_types "\\x0e\\x0e\\x05 $words no_timer_check\\x18"
}

menu_types() { "$GUEST_PY" send "$GUEST" "$1"; }

# KEY COMMAND: log in with that key, and run it
log_in() {
	ssh -i "$1" -p "$port" -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=accept-new \
		-o UserKnownHostsFile="$WORK/known" -o ConnectTimeout=300 root@127.0.0.1 "$2"
}

in_live() { log_in "$WORK/key" "$1"; }

# WHAT WANTED COMMAND: what a command in the machine says
says() {
	local said
	said=$(in_live "$3") || fail "$1: the command failed: $3"
	# shellcheck disable=SC2053 # a pattern
	[[ $said == $2 ]] || fail "$1: '$said' instead of '$2'"
	echo "$1: $said"
}

# only the key that was given, and no password
guards_login() {
	note 'who may log in'
	# the server comes up beside all else
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		! in_live true || break
		sleep 5
	done
	says 'the fingerprint that the page tells' "$(ssh-keygen -l -f "$WORK/known" | cut -d ' ' -f 2)" 'cat /run/salvor/ssh.fingerprint'
	ssh-keygen -q -t ed25519 -N '' -f "$WORK/other"
	! log_in "$WORK/other" true 2>"$WORK/err" || fail 'another key is taken'
	grep -F 'Permission denied (publickey)' "$WORK/err" || fail "not refused but: $(cat "$WORK/err")"
}

first_boot() {
	note 'the first machine'
	ssh-keygen -q -t ed25519 -N '' -C 'me at home' -f "$WORK/key"
	port=$(free_port)
	truncate -s 16M "$WORK/LOG.img"
	mkfs.vfat -n SALVORLOG "$WORK/LOG.img" >/dev/null
	guest_new
	guest_disk LOG "$WORK/LOG.img"
	add_hvc
	GUEST_ARGS+=(-netdev "user,id=net0,hostfwd=tcp:127.0.0.1:$port-10.0.2.99:22" -device 'virtio-net-pci,netdev=net0')
	menu_boot 0 "\"salvor.ssh=$(cat "$WORK/key.pub")\" salvor.net=10.0.2.99/24,10.0.2.2,10.0.2.3 salvor.log=SALVORLOG salvor.font=large salvor.keymap=de salvor.tz=Europe/Berlin salvor.ui=plain"
	guest_wait 'Answer with a number or letter' $LIVE_BUDGET >/dev/null
	hvc_says 'Answer with a number or letter'
}

judge_first() {
	note 'as it was asked for'
	says 'notes' '' 'cat /run/salvor/notes'
	says 'address' '*inet 10.0.2.99/24*' 'ip -o -4 addr show scope global'
	says 'gateway' 'default via 10.0.2.2 dev *' 'ip route show default'
	says 'name server' 'nameserver 10.0.2.3' 'cat /etc/resolv.conf'
	says 'font' '16x32x512*' 'showconsolefont -i -C /dev/tty1 | tr "\n" " "'
	says 'screen' '25 80' 'stty size -F /dev/tty1'
	says 'keyboard' '*z*' 'dumpkeys -C /dev/tty1 | grep "^keycode  *21 ="'
	says 'zone' 'CE*T' 'date +%Z'
	says 'log' '*/*.log' 'until ls /run/salvor/log/salvor-logs/*.log 2>/dev/null; do sleep 1; done'
	# what comes after the menu of GRUB
	! sed '1,/Loading Salvor/d' "$GUEST/serial.log" | grep -a $'\e' || fail 'plain mode moves the cursor'
	guest_screendump "$WORK/plain.png"
}

# what the kernel said is on the partition, and the partition is in order
power_button() {
	note 'the power button'
	guest_monitor system_powerdown
	guest_off 300
	guest_kill
	fsck.vfat -n "$WORK/LOG.img" >"$WORK/fsck" || fail "the log's partition was not unmounted: $(cat "$WORK/fsck")"
	mcopy -i "$WORK/LOG.img" '::salvor-logs/*.log' "$WORK/" || fail 'there is no log'
	grep -a -F 'salvor: devices ready' "$WORK"/*.log || fail 'the log does not say what the kernel said'
}

# PORT: write what is sent by UDP to $WORK/udp.log
syslog_server() {
	python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", int(sys.argv[1])))
with open(sys.argv[2], "wb", buffering=0) as f:
    while True:
        f.write(s.recv(65536) + b"\n")' "$1" "$WORK/udp.log" &
	cleanup_fn kill $!
}

second_boot() {
	note 'the second machine'
	port=$(free_port)
	syslog_server "$port"
	poison "$WORK/DATA.img" $((16 * MIB))
	guest_new
	guest_disk DATA "$WORK/DATA.img"
	add_hvc
	GUEST_ARGS+=(-netdev 'user,id=net0' -device 'virtio-net-pci,netdev=net0')
	# the entry "safe graphics"
	menu_boot 1 "salvor.nowrite salvor.ui=shell salvor.after=poweroff salvor.log=udp://10.0.2.2:$port salvor.font=large"
	guest_wait 'salvor:~# ' $LIVE_BUDGET >/dev/null
	guest_run 'until [ -e /run/salvor/ready ]; do sleep 1; done'
}

judge_second() {
	note 'as it was asked for'
	expect_rc 0 guest_run 'cat /run/salvor/notes; [ ! -e /sys/class/graphics/fb0 ] || echo pixels; showconsolefont -i -C /dev/tty1'
	grep -q 8x16x256 "$WORK/out" || fail "other font than one of 256 glyphs: $(cat "$WORK/out")"
	! grep -E 'salvor|pixels|512' "$WORK/out" || fail 'no VGA text, or a font that is not meant for it'
	expect_rc 0 guest_run 'salvor disks'
	! grep loop "$WORK/out" || fail 'the live system lists itself'
	expect_rc 0 guest_run 'cat /sys/block/vda/ro'
	[ "$(cat "$WORK/out")" = 1 ] || fail 'a disk is not locked'
	guest_screendump "$WORK/vga.png"
	note 'hvc0 has a shell'
	hvc_says 'salvor:~# '
	echo 'echo sum $((40 + 2))' >&7
	hvc_says 'sum 42'
	grep -a -F 'devices ready' "$WORK/udp.log" || fail 'the syslog server got nothing'
}

first_boot
guards_login
judge_first
power_button
second_boot
judge_second
note 'the end of the shell is the end of the machine'
menu_types 'exit\n'
guest_off 300
sha "$WORK/DATA.img" >/dev/null
