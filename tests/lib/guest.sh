#!/usr/bin/env bash
# guest.sh - tests inside a virtual machine: start it, give it disks, run commands in it, pull its plugs
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after functions.sh and work_dir. One machine at a time; its folder is $GUEST. Emulation
# only (TCG): /dev/kvm may be there and hang. The serial log is kept beside the logs of the tests.

GUEST_PY=$TOP/tests/lib/guest.py
GUEST_FILES=$TOP/${BUILD:-build}/guest
GUEST_ARGS=()
GUEST_USB=()
guest_count=0

requires qemu-system-x86_64 python3 jq

# forget the disks of the last machine
guest_new() {
	GUEST_USB=()
	GUEST_ARGS=(-device 'qemu-xhci,id=xhci,p2=8,p3=8')
}

# ID FILE: a disk's medium. The host's cache is the only one: faster, and the tests end machines on
# purpose, not the host. The throttle is for guest_slow
guest_medium() {
	GUEST_ARGS+=(-object "throttle-group,id=$1-pace" -blockdev
		"driver=throttle,node-name=$1-medium,throttle-group=$1-pace,file.driver=raw,file.cache.no-flush=on,file.file.driver=file,file.file.filename=$2")
}

# ID FILE: a USB disk with the serial number ID, for the machine that is started next
guest_usb_disk() {
	guest_medium "$1" "$2"
	GUEST_ARGS+=(-device "usb-storage,bus=xhci.0,id=$1,drive=$1-medium,serial=$1")
	GUEST_USB+=("$1")
}

# ID FILE [UNIT]: the same as a virtio disk, which is faster. UNIT: bytes of a sector
guest_disk() {
	guest_medium "$1" "$2"
	GUEST_ARGS+=(-device "virtio-blk-pci,id=$1,drive=$1-medium,serial=$1,logical_block_size=${3:-512},physical_block_size=${3:-512}")
}

# FILE SECTOR...: guest_medium for a disk whose sectors (of 512 bytes) cannot be read
guest_bad_medium() {
	local id=$1 file=$2 sector i=0 rules=
	shift 2
	for sector; do
		rules+=",file.inject-error.$i.event=none,file.inject-error.$i.iotype=read,file.inject-error.$i.errno=5"
		rules+=",file.inject-error.$i.sector=$sector"
		i=$((i + 1))
	done
	GUEST_ARGS+=(-object "throttle-group,id=$id-pace" -blockdev
		"driver=throttle,node-name=$id-medium,throttle-group=$id-pace,file.driver=blkdebug$rules,file.image.driver=raw,file.image.cache.no-flush=on,file.image.file.driver=file,file.image.file.filename=$file")
}

# the device of each disk that guest_bus_disk made, for guest_push
declare -A GUEST_DEVICE=()

# BUS ID [UNIT]: put a disk, whose medium is there, on a bus that it can fall off: ahci, nvme, scsi (virtio), virtio (without
# SCSI) or usb. UNIT: bytes of a sector
guest_bus_disk() {
	local id=$2 unit=${3:-512}
	case $1 in
	ahci)
		# a controller of its own; QEMU cannot pull a SATA disk
		GUEST_ARGS+=(-device "ich9-ahci,id=$id-hba")
		GUEST_DEVICE[$id]="ide-hd,bus=$id-hba.0,rerror=report"
		;;
	nvme)
		GUEST_ARGS+=(-device "pcie-root-port,id=$id-port,chassis=$((${#GUEST_DEVICE[@]} + 1))")
		GUEST_DEVICE[$id]="nvme,bus=$id-port"
		;;
	virtio)
		GUEST_ARGS+=(-device "pcie-root-port,id=$id-port,chassis=$((${#GUEST_DEVICE[@]} + 1))")
		GUEST_DEVICE[$id]="virtio-blk-pci,bus=$id-port,rerror=report"
		;;
	scsi)
		GUEST_ARGS+=(-device "virtio-scsi-pci,id=$id-hba")
		GUEST_DEVICE[$id]="scsi-hd,bus=$id-hba.0,rerror=report"
		;;
	usb)
		GUEST_DEVICE[$id]="usb-storage,bus=xhci.0,rerror=report"
		GUEST_USB+=("$id")
		;;
	esac
	GUEST_DEVICE[$id]+=",id=$id,drive=$id-medium,serial=$id,logical_block_size=$unit,physical_block_size=$unit"
	GUEST_ARGS+=(-device "${GUEST_DEVICE[$id]}")
}

# ID: put a disk of guest_bus_disk in again, which guest_unplug has pulled
guest_push() {
	local said
	said=$(guest_monitor "device_add ${GUEST_DEVICE[$1]}")
	[ -z "$said" ] || fail "device_add: $said"
}

# ID: how many reads of this disk have failed, by QEMU's own count, since it was put in. QEMU books the failed ones of
# SATA's command queue as done; those are counted by what libata says of each
guest_failed_reads() {
	local counted queued
	counted=$("$GUEST_PY" qmp "$GUEST" query-blockstats |
		jq --arg id "$1" '[.[] | select((.qdev // "") | test("(^|/)" + $id + "(/|$)")) | .stats.failed_rd_operations] | add // 0')
	queued=$(guest_run 'dmesg | grep -c "failed command: READ FPDMA QUEUED"') || true
	[[ ${GUEST_DEVICE[$1]} == ide-hd* ]] || queued=0
	echo $((counted + queued))
}

# QEMU-ARG...: start the machine with the disks that were given
guest_start() {
	guest_count=$((guest_count + 1))
	GUEST=$WORK/guest$guest_count
	"$GUEST_PY" start "$GUEST" $$ -machine q35,accel=tcg -cpu max "${GUEST_ARGS[@]}" "$@"
	cleanup_fn guest_end "$GUEST"
}

# FOLDER: what the kept logs of a machine are called, without their ends
guest_log_name() {
	local test=${WORK##*/}
	echo "$TOP/${BUILD:-build}/logs/${test%.*}.${1##*/}"
}

# FOLDER: end a machine and keep what it said
guest_end() {
	local log name
	name=$(guest_log_name "$1")
	mkdir -p "${name%/*}"
	"$GUEST_PY" kill "$1" 2>/dev/null || true
	for log in serial qemu times; do
		[ ! -e "$1/$log.log" ] || cp "$1/$log.log" "$name.$log"
	done
}

# [QEMU-ARG...]: the small test guest: Debian's kernel, busybox and salvor, ready for guest_run
guest_boot() {
	[ -s "$GUEST_FILES/initrd" ] || skip "$GUEST_FILES is not built (make guest)"
	guest_start -m 512 -kernel "$GUEST_FILES/vmlinuz" -initrd "$GUEST_FILES/initrd" \
		-append 'console=ttyS0 quiet panic=-1 no_timer_check' "$@"
	guest_wait 'guest: ready'
	local id
	for id in "${GUEST_USB[@]}"; do
		guest_settle "$id"
	done
}

# ID: a USB disk is there. On a busy host the emulated bus may miss the kernel's time limits: in again
guest_settle() {
	guest_run "disk $1 >/dev/null" && return
	note "$1 did not come up: out and in again"
	guest_monitor "device_del $1" >/dev/null
	guest_run 'sleep 2'
	_guest_add "$1"
	guest_run "disk $1 >/dev/null"
}

guest_wait() { "$GUEST_PY" wait "$GUEST" "$@"; }
# COMMAND [BUDGET]: shell commands in the guest; output and exit code are theirs
guest_run() { "$GUEST_PY" run "$GUEST" "$@"; }
# TEXT: type it into the serial line, with backslash escapes
guest_send() { "$GUEST_PY" send "$GUEST" "$1"; }
guest_monitor() { "$GUEST_PY" monitor "$GUEST" "$1"; }
guest_kill() { "$GUEST_PY" kill "$GUEST"; }
guest_off() { "$GUEST_PY" off "$GUEST" "$@"; }
guest_screendump() { "$GUEST_PY" screendump "$GUEST" "$1"; }

# ID TYPE: mount the disk with this serial number at /mnt/ID
guest_mount() { guest_run "mkdir -p /mnt/$1; mount -t $2 \$(disk $1) /mnt/$1"; }

# COMMAND: begin it in the guest's background; the next guest_finish waits for it
guest_begin() {
	guest_run "rm -f /tmp/job.*; ($1; echo \$? >/tmp/job.code) >/tmp/job.out 2>/tmp/job.err &"
}

# wait for the command; output and exit code are its
guest_finish() {
	# shellcheck disable=SC2016 # for the guest's shell
	guest_run 'while [ ! -s /tmp/job.code ]; do sleep 0.2; done
		cat /tmp/job.out; cat /tmp/job.err >&2; exit "$(cat /tmp/job.code)"'
}

# CONDITION: wait until a command succeeds in the guest, while a job runs; the job's early end is a failure
guest_until() {
	guest_run "until $1; do [ ! -s /tmp/job.code ] || exit 1; sleep 0.2; done" || {
		guest_finish >&2 || true
		fail "the job in the guest ended before: $1"
	}
}

# ID: pull a USB disk out
guest_unplug() { "$GUEST_PY" unplug "$GUEST" "$1"; }

# ID: put it in again
guest_plug() {
	_guest_add "$1"
	guest_settle "$1"
}

_guest_add() {
	local said
	said=$(guest_monitor "device_add usb-storage,bus=xhci.0,id=$1,drive=$1-medium,serial=$1")
	[ -z "$said" ] || fail "device_add: $said"
}

# ID BYTES: what a disk reads and writes in a second at most, so that "in the middle" lasts long enough; 0: no limit
guest_slow() {
	local said
	said=$(guest_monitor "qom-set -j /objects/$1-pace limits {\"bps-total\":$2}")
	[ -z "$said" ] || fail "qom-set: $said"
}
