#!/usr/bin/env bash
# init.sh - /init: the order of its mounts, and a page with a shell for everything that can go wrong
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2016 # in quotes is code for the shell under test
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/lib.sh"

# boot; $ROOT has no squashfs, so what a mount would show is put there
boot() {
	LOAD=$TOP/initramfs/init
	VARS=(SLEEP_ENDS=1)
	mkdir -p "$ROOT/live/root/usr/sbin"
	cp "$TOP/initramfs/overlay/usr/sbin/live-init" "$ROOT/live/root/usr/sbin/"
	in_shell boot
}

# TEXT: boot ended in the page that says so, on every console, and PID 1 lives on
page_says() {
	[ "$RC" -eq 9 ] || fail "$SHELL_UNDER_TEST: exit code $RC, so PID 1 ended"
	called stay
	called 'setsid -c sh -i'
	for tty in tty1 ttyS0; do
		holds "dev/$tty" 'Salvor could not start.'
		holds "dev/$tty" "$1"
		holds "dev/$tty" 'Nothing was written to any disk.'
	done
	holds dev/kmsg "salvor: $1"
	! LC_ALL=C grep -q '.\{80\}' "$ROOT/dev/tty1" || fail 'a line of the page is wider than a screen'
	[ "$(wc -l <"$ROOT/dev/tty1")" -le 24 ] || fail 'the page is longer than a screen'
	not_called switch_root
}

good_boot() {
	boot
	[ "$RC" -eq 0 ] || fail "exit code $RC"
	calls_are 'busybox mount -t proc -o nosuid,nodev,noexec proc @/proc
mount -t sysfs -o nosuid,nodev,noexec sys @/sys
mount -t devtmpfs -o nosuid,mode=0755 dev @/dev
modprobe -a loop squashfs overlay
mount -t squashfs -o ro,loop,nodev @/live.sqfs @/live/lower
mount -t tmpfs -o mode=0755,nodev live @/live/rw
mount -t overlay -o lowerdir=@/live/lower,upperdir=@/live/rw/upper,workdir=@/live/rw/work live @/live/root
chroot @/live/root /usr/bin/busybox true
mount -o move @/sys @/live/root/sys
mount -o move @/dev @/live/root/dev
mount -o move @/proc @/live/root/proc
busybox switch_root @/live/root /usr/sbin/live-init'
}

memory_too_small() {
	rm "$ROOT/live.ok"
	boot
	page_says 'The system did not fit into memory, or it was not read whole.'
	holds dev/tty1 'This computer has 234 MiB of memory'
	not_called modprobe
}

no_proc() {
	FAIL='mount -t proc' boot
	page_says 'The kernel did not give access to its devices.'
}

no_modules() {
	FAIL=modprobe boot
	page_says 'The kernel and its modules do not belong together.'
	not_called squashfs,
}

broken_squashfs() {
	FAIL='-t squashfs' boot
	page_says 'The live system could not be opened.'
	not_called overlay,
}

no_overlay() {
	FAIL='-t overlay' boot
	page_says 'The live system could not be opened.'
	not_called move
}

live_system_does_not_run() {
	FAIL=chroot boot
	page_says 'The live system is not complete.'
	not_called move
}

# a node without a port behind it must not get a shell that spins
no_serial_port() {
	ln -sf /dev/null "$ROOT/dev/ttyS0"
	in_shell '. "$lib/page.sh"; tty_there ttyS0 && ! tty_there tty1 && ! tty_there hvc0'
	[ "$RC" -eq 0 ] || fail 'a port that is there is not seen'
	echo 0 >"$ROOT/sys/class/tty/ttyS0/type"
	in_shell '. "$lib/page.sh"; tty_there ttyS0'
	[ "$RC" -ne 0 ] || fail 'a port that is not there is seen'
}

# consoles that the kernel was given count too, odd names do not
more_consoles() {
	printf 'tty0 ttyAMA0 ../../etc/x tty1\n' >"$ROOT/sys/class/tty/console/active"
	in_shell console_names
	[ "$(tr '\n' ' ' <"$WORK/out")" = 'tty1 ttyS0 hvc0 ttyAMA0 ' ] || fail "consoles: $(cat "$WORK/out")"
}

run_cases good_boot memory_too_small no_proc no_modules broken_squashfs no_overlay live_system_does_not_run no_serial_port more_consoles
