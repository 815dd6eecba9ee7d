#!/usr/bin/env bash
# lib.sh - runs the scripts of the live system in a fake root, under dash and under busybox sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after tests/lib/functions.sh. Programs that would change the machine are shell functions in the
# fakes below; they write what they were asked for to $WORK/calls. Functions, as busybox sh takes its own
# applets before anything in PATH.

requires dash busybox

# a root as the live system finds it: its overlay, and a machine with two consoles
fake_root() {
	rm -rf -- "${ROOT:?}"
	mkdir -p "$ROOT"/{bin,sbin,root,usr/bin,dev/pts,proc/sys/kernel,run/salvor,sys/class/tty/{ttyS0,console},sys/devices,sys/block,sys/class/net,live}
	cp -a "$TOP/initramfs/overlay/." "$ROOT"
	: >"$WORK/calls"
	: >"$ROOT/run/salvor/params"
	: >"$ROOT/run/salvor/notes"
	: >"$ROOT/live.ok"
	touch "$ROOT"/dev/{tty1,ttyS0,kmsg,console}
	echo 4 >"$ROOT/sys/class/tty/ttyS0/type"
	echo 'tty0 ttyS0' >"$ROOT/sys/class/tty/console/active"
	echo 'MemTotal:         240000 kB' >"$ROOT/proc/meminfo"
	# shellcheck disable=SC2016 # for the script that is written
	printf '#!/bin/sh\n%s\n' 'echo "${0##*/} $*" >>"$CALLS"; case "${0##*/} $*" in *"${FAIL:-none}"*) exit 1 ;; esac' |
		tee "$ROOT/bin/busybox" "$ROOT/usr/bin/mount" >"$ROOT/usr/sbin/modprobe"
	printf '#!/bin/sh\n' >"$ROOT/sbin/init"
	chmod 755 "$ROOT/bin/busybox" "$ROOT/sbin/init" "$ROOT/usr/sbin/modprobe" "$ROOT/usr/bin/mount"
}

# the fakes: a call that holds the text in $FAIL fails
fakes() {
	local name
	for name in "$@"; do
		# shellcheck disable=SC2016 # for the script that is written
		printf '%s() { echo "%s $*" >>"$CALLS"; case "%s $*" in *"${FAIL:-none}"*) return 1 ;; esac; }\n' "$name" "$name" "$name"
	done
	cat <<-'END'
		stay() { echo stay >>"$CALLS"; wait; exit 9; }
		# ends what goes on for ever
		sleep() { [ -z "${SLEEP_ENDS:-}" ] || exit 0; }
		tty_there() { [ -e "$root/dev/$1" ]; }
		root=$SV_ROOT run=$SV_ROOT/run/salvor lib=$SV_ROOT/usr/lib/salvor
	END
}

FAKES=(mount umount chroot modprobe blockdev ip udhcpc hostname dmesg setsid setfont loadkeys uevent acpid bash stty salvor
	syslogd klogd logread findfs dropbear dropbearkey poweroff reboot sync killall losetup swapon mdadm lvm)

# CODE: run it with the fakes; its output goes to $WORK/out, its exit code to RC. FAIL and others may stand before
in_shell() {
	RC=0
	{
		printf '. "%s"\n' "$LOAD"
		fakes "${FAKES[@]}"
		printf '%s\n' "$1"
	} >"$WORK/script"
	# shellcheck disable=SC2034,SC2086 # RC is for the tests; "busybox sh" is two words
	env -i PATH="$PATH" SV_ROOT="$ROOT" SV_SOURCE=1 CALLS="$WORK/calls" FAIL="${FAIL:-none}" "${VARS[@]}" \
		$SHELL_UNDER_TEST "$WORK/script" >"$WORK/out" 2>&1 || RC=$?
}

# TEXT: the calls must be these, in this order
calls_are() {
	diff -u <(printf '%s' "${1:+$1$'\n'}" | sed "s,@,$ROOT,g") "$WORK/calls" || fail "$SHELL_UNDER_TEST: other calls than expected"
}

called() { grep -qF -e "$1" "$WORK/calls" || { cat "$WORK/calls" "$WORK/out"; fail "$SHELL_UNDER_TEST: no call of: $1"; }; }
not_called() { ! grep -F -e "$1" "$WORK/calls" || fail "$SHELL_UNDER_TEST: was called: $1"; }
# FILE TEXT: the file below the root holds it
holds() { grep -qF -e "$2" "$ROOT/$1" || { cat "$ROOT/$1"; fail "$SHELL_UNDER_TEST: $1 lacks: $2"; }; }
lacks() { ! grep -F -e "$2" "$ROOT/$1" || fail "$SHELL_UNDER_TEST: $1 holds: $2"; }
# FILE TEXT: the file below the root is exactly this
is() { diff -u <(printf '%s' "${2:+$2$'\n'}") "$ROOT/$1" || fail "$SHELL_UNDER_TEST: $1 is not what was expected"; }

# FUNCTION...: each under both shells, in a fresh root
run_cases() {
	local case
	for SHELL_UNDER_TEST in dash 'busybox sh'; do
		for case; do
			note "$SHELL_UNDER_TEST: $case"
			LOAD=$TOP/initramfs/overlay/usr/sbin/live-init VARS=() FAIL=none
			fake_root
			"$case"
		done
	done
}

work_dir initramfs
ROOT=$WORK/root
