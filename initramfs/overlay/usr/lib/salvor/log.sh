#!/bin/sh
# log.sh - the log: in memory, and with salvor.log= also on a partition or at another machine
# SPDX-License-Identifier: GPL-3.0-or-later
#
# salvor.log=LABEL           the partition with this label is mounted, its folder salvor-logs takes the log
# salvor.log=udp://HOST:PORT each line goes to a syslog server (port 514 unless given)
: "${root?}" "${run?}"

# a ring of 1 MiB: a dying disk can make the kernel fill any file
keep_log() {
	target=$(param log)
	case $target in
	udp://*) syslogd -C1024 -L -R "${target#udp://}" ;;
	*) syslogd -C1024 ;;
	esac
	klogd
	case $target in
	'' | udp://*) ;;
	*) log_to_label "$target" ;;
	esac
}

# LABEL: wait for the partition, then copy the log there from time to time
log_to_label() {
	! nowrite || {
		note "salvor.log=$1: not with salvor.nowrite, the log stays in memory."
		return
	}
	while ! device=$(findfs "LABEL=$1" 2>/dev/null); do
		sleep 5
	done
	mkdir -p "$root/run/salvor/log"
	# that of busybox, which the shell would take, tries only filesystems whose driver is loaded already
	"$root/usr/bin/mount" -o nosuid,nodev,noexec "$device" "$root/run/salvor/log" || {
		note "salvor.log=$1: $device could not be mounted."
		return
	}
	while :; do
		copy_log
		sleep 30
	done
}

# nothing to do when no partition takes the log
copy_log() {
	grep -q " $run/log " "$root/proc/mounts" || return 0
	[ -s "$run/log.name" ] || date +salvor-logs/%Y%m%d-%H%M%S >"$run/log.name"
	mkdir -p "$run/log/salvor-logs"
	logread >"$run/log/$(cat "$run/log.name").log"
	sync
}
