#!/bin/sh
# init.sh - first process of the test guest: devices, drivers, and a shell on the serial line that guest.py types into
# SPDX-License-Identifier: GPL-3.0-or-later
# no udev here: dmsetup makes its nodes itself
export PATH=/bin:/usr/sbin HOME=/ LC_ALL=C.UTF-8 DM_DISABLE_UDEV=1
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
echo /bin/modprobe >/proc/sys/kernel/modprobe
# every bus found may show new devices
for _ in 1 2 3; do
	find /sys/devices -name modalias -exec cat {} + | sort -u | xargs -n 20 modprobe -abq
done
# a disk on USB shows up whenever it likes, also after the last look
modprobe -a sd_mod usb_storage
dmesg -n 1
# no echo and no editing: what the shell prints is what programs say. It comes back when a command ended it
while :; do
	stty -F /dev/ttyS0 -echo
	echo 'guest: ready' >/dev/ttyS0
	setsid sh </dev/ttyS0 >/dev/ttyS0 2>&1
	sleep 1
done
