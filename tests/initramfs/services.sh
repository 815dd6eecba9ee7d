#!/usr/bin/env bash
# services.sh - network, SSH server, log, language, layout, font, and the way down
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2016 # in quotes is code for the shell under test
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/lib.sh"

# LINE...: what the kernel command line said
given() { printf '%s\n' "$@" >"$ROOT/run/salvor/params"; }

dhcp_once() {
	mkdir -p "$ROOT"/sys/class/net/{lo,eth0}
	in_shell 'start_network; interface_up eth0; interface_up eth1; wait'
	[ "$(grep -c udhcpc "$WORK/calls")" -eq 2 ] || fail "$(cat "$WORK/calls")"
	called "udhcpc -b -i eth0 -s $ROOT/usr/lib/salvor/udhcpc.sh"
	not_called 'link set lo'
}

no_network() {
	given net=off
	mkdir -p "$ROOT/sys/class/net/eth0"
	in_shell start_network
	calls_are ''
}

fixed_address() {
	given net=10.0.0.5/24,10.0.0.1,9.9.9.9
	mkdir -p "$ROOT/sys/class/net/eth0"
	in_shell start_network
	calls_are 'ip link set eth0 up
ip addr add 10.0.0.5/24 dev eth0
ip route add default via 10.0.0.1 dev eth0'
	is run/salvor/resolv.conf 'nameserver 9.9.9.9'
}

address_only() {
	given net=fd00::5/64
	in_shell 'interface_up eth0'
	calls_are 'ip link set eth0 up
ip addr add fd00::5/64 dev eth0'
}

wrong_address() {
	given net=yes
	FAIL='addr add'
	in_shell 'interface_up eth0'
	is run/salvor/notes 'salvor.net=yes: wants dhcp, off or ADDRESS/BITS,GATEWAY,DNS.'
	not_called route
}

# names of interfaces are those of the kernel, but may be given by whoever plugs in
odd_interface() {
	in_shell 'interface_up "../x"; interface_up "a b"; interface_up ""; interface_up lo'
	calls_are ''
}

lease() {
	LOAD=/dev/null
	VARS=(interface=eth0 ip=10.0.2.15 mask=24 router='10.0.2.2 10.0.2.3' dns='10.0.2.3 1.1.1.1')
	in_shell 'set -- bound; . "$lib/udhcpc.sh"'
	calls_are 'ip addr flush dev eth0
ip addr add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2 dev eth0 metric 10
ip route add default via 10.0.2.3 dev eth0 metric 11'
	is run/salvor/resolv.conf 'nameserver 10.0.2.3
nameserver 1.1.1.1'
}

lease_lost() {
	LOAD=/dev/null
	VARS=(interface=eth0)
	in_shell 'set -- deconfig; . "$lib/udhcpc.sh"; set -- leasefail; . "$lib/udhcpc.sh"'
	calls_are 'ip addr flush dev eth0
ip link set eth0 up'
}

no_ssh() {
	in_shell start_ssh
	calls_are ''
	[ ! -e "$ROOT/root/.ssh" ] || fail 'there are keys'
}

ssh_by_key() {
	given 'ssh=ssh-ed25519 AAAAone' 'ssh=ssh-rsa AAAAtwo'
	in_shell start_ssh
	is root/.ssh/authorized_keys 'ssh-ed25519 AAAAone
ssh-rsa AAAAtwo'
	[ "$(stat -c %a "$ROOT/root/.ssh" "$ROOT/root/.ssh/authorized_keys" | tr '\n' ' ')" = '700 600 ' ] || fail 'modes'
	called 'dropbear -s -j -k '
}

log_in_memory() {
	in_shell keep_log
	calls_are 'syslogd -C1024
klogd '
}

log_to_server() {
	given log=udp://10.0.0.9:1514
	in_shell keep_log
	called 'syslogd -C1024 -L -R 10.0.0.9:1514'
	not_called findfs
}

log_to_partition() {
	given log=DATA
	printf 'dev %s tmpfs rw 0 0\n' "$ROOT/run/salvor/log" >"$ROOT/proc/mounts"
	VARS=(SLEEP_ENDS=1)
	in_shell 'findfs() { echo "findfs $*" >>"$CALLS"; echo /dev/sdz1; }
		logread() { echo "a line of the log"; }
		keep_log'
	called 'findfs LABEL=DATA'
	called 'mount -o nosuid,nodev,noexec /dev/sdz1'
	cat "$ROOT"/run/salvor/log/salvor-logs/*.log >"$ROOT/copied"
	is copied 'a line of the log'
}

no_log_on_locked_disks() {
	given log=DATA nowrite=1
	in_shell keep_log
	not_called mount
	holds run/salvor/notes 'not with salvor.nowrite'
}

partition_does_not_mount() {
	given log=DATA
	FAIL='mount -o'
	in_shell 'findfs() { echo /dev/sdz1; }
		keep_log'
	holds run/salvor/notes 'salvor.log=DATA: /dev/sdz1 could not be mounted.'
}

language() {
	given lang=de_DE.UTF-8
	in_shell set_locale
	is run/salvor/environment 'export LANG=C.UTF-8 SALVOR_LIVE=1
export LANGUAGE=de_DE.UTF-8'
	# asked for on the first page: what later sessions get
	in_shell 'set_now lang en && ! set_now lang "a;reboot"'
	[ "$RC" -eq 0 ] || fail "ended with $RC"
	is run/salvor/environment 'export LANG=C.UTF-8 SALVOR_LIVE=1
export LANGUAGE=en'
}

time_zone() {
	mkdir -p "$ROOT/usr/share/zoneinfo/Europe"
	: >"$ROOT/usr/share/zoneinfo/Europe/Berlin"
	in_shell 'set_zone Europe/Berlin'
	[ "$(readlink "$ROOT/etc/localtime")" = /usr/share/zoneinfo/Europe/Berlin ] || fail 'no link'
	in_shell 'set_zone Europe; set_zone ../../../etc/passwd; set_zone /etc/passwd; set_zone ""'
	is run/salvor/notes 'salvor.tz=Europe: there is no such time zone.
salvor.tz=../../../etc/passwd: there is no such time zone.
salvor.tz=/etc/passwd: there is no such time zone.'
	[ "$(readlink "$ROOT/etc/localtime")" = /usr/share/zoneinfo/Europe/Berlin ] || fail 'the link was changed'
}

layout() {
	mkdir -p "$ROOT/usr/share/keymaps/i386/qwertz"
	: >"$ROOT/usr/share/keymaps/i386/qwertz/de.kmap.gz"
	in_shell set_keymap
	given keymap=de
	in_shell set_keymap
	given keymap=xx
	in_shell set_keymap
	is run/salvor/notes 'salvor.keymap=xx: there is no such keyboard layout.'
	calls_are 'loadkeys -q -u @/usr/share/keymaps/i386/qwertz/de.kmap.gz'
}

set_later() {
	mkdir -p "$ROOT/usr/share/keymaps/i386/qwertz" "$ROOT/usr/share/zoneinfo/Europe"
	: >"$ROOT/usr/share/keymaps/i386/qwertz/de.kmap.gz"
	: >"$ROOT/usr/share/zoneinfo/Europe/Berlin"
	: >"$ROOT/run/salvor/notes"
	given keymap=us
	in_shell 'set_now keymap de'
	calls_are 'loadkeys -q -u @/usr/share/keymaps/i386/qwertz/de.kmap.gz'
	in_shell 'set_now tz Europe/Berlin'
	[ "$(readlink "$ROOT/etc/localtime")" = /usr/share/zoneinfo/Europe/Berlin ] || fail 'no link'
	is run/salvor/notes ''
	in_shell '! set_now keymap xx && ! set_now tz ../x && ! set_now keymap "a;reboot" && ! set_now ssh x'
	is run/salvor/params 'keymap=us
keymap=de
tz=Europe/Berlin
keymap=xx'
}

# the page of the network: what was set up goes, what was asked for comes, for every card
network_now() {
	mkdir -p "$ROOT"/sys/class/net/{lo,eth0} "$ROOT/run/salvor/net.eth0"
	touch "$ROOT/run/salvor/resolv.conf"
	sleep 1000 &
	echo $! >"$ROOT/run/salvor/net.eth0/pid"
	in_shell 'set_now net 10.0.0.5/24,10.0.0.1'
	[ "$RC" -eq 0 ] || fail "ended with $RC"
	! kill -0 $! 2>/dev/null || fail 'the old udhcpc goes on'
	calls_are 'ip route flush dev eth0
ip addr flush dev eth0
ip link set eth0 up
ip addr add 10.0.0.5/24 dev eth0
ip route add default via 10.0.0.1 dev eth0'
	[ ! -e "$ROOT/run/salvor/resolv.conf" ] || fail 'the old name server stays'
	: >"$WORK/calls"
	in_shell 'set_now net dhcp; wait'
	called 'udhcpc -b -i eth0'
	called '-x hostname:salvor'
	FAIL='addr add'
	in_shell '! set_now net nonsense'
	[ "$RC" -eq 0 ] || fail 'nonsense is taken for an address'
	FAIL=none
	: >"$WORK/calls"
	in_shell 'set_now hostname rescue-1 && set_hostname && ! set_now hostname "a b;c"; dhcp eth0; wait'
	called 'hostname rescue-1'
	called '-x hostname:rescue-1'
	not_called 'a b'
}

# WIDTH FONT: which font is loaded on a screen that wide
font_is() {
	rm -rf -- "$ROOT/sys/class/graphics"
	[ "$1" = text ] || {
		mkdir -p "$ROOT/sys/class/graphics/fb0"
		echo "$1,900" >"$ROOT/sys/class/graphics/fb0/virtual_size"
	}
	: >"$WORK/calls"
	in_shell set_font
	called "/dev/tty1 $ROOT/usr/share/consolefonts/$2"
}

fonts() {
	mkdir -p "$ROOT/usr/share/consolefonts"
	touch "$ROOT"/usr/share/consolefonts/salvor-{256,512}-{16,32}.psf "$ROOT/usr/share/consolefonts/my.psf"
	font_is text salvor-256-16.psf
	font_is 1280 salvor-512-16.psf
	font_is 1920 salvor-512-32.psf
	given font=small
	font_is 3840 salvor-512-16.psf
	given font=large
	font_is 1024 salvor-512-32.psf
	# VGA has no letters of 32 dots
	font_is text salvor-256-16.psf
	given font=my
	font_is 1024 my.psf
	FAIL=setfont
	in_shell set_font
	is run/salvor/notes 'the font my could not be loaded.'
}

way_down() {
	printf '%s\n' 'live / overlay rw 0 0' 'proc /proc proc rw 0 0' 'dev /dev devtmpfs rw 0 0' 'devpts /dev/pts devpts rw 0 0' \
		'run /run tmpfs rw 0 0' 'tmp /tmp tmpfs rw 0 0' '/dev/sdb1 /mnt/a\040b ext4 rw 0 0' '//nas/x /mnt/a\040b/c cifs rw 0 0' \
		'/dev/sdc1 /run/salvor/log vfat rw 0 0' >"$ROOT/proc/mounts"
	FAIL='killall -q -0'
	in_shell end_everything
	calls_are 'killall -q -TERM salvor
killall -q -0 salvor
umount /run/salvor/log
umount /mnt/a b/c
umount /mnt/a b
sync '
}

store_that_hangs() {
	printf '%s\n' '//nas/x /mnt/x cifs rw 0 0' >"$ROOT/proc/mounts"
	FAIL='umount /mnt'
	in_shell unmount_stores
	calls_are 'umount /mnt/x
umount -l /mnt/x'
}

run_cases dhcp_once no_network fixed_address address_only wrong_address odd_interface lease lease_lost no_ssh ssh_by_key \
	log_in_memory log_to_server log_to_partition no_log_on_locked_disks partition_does_not_mount language time_zone set_later network_now layout fonts \
	way_down store_that_hangs
