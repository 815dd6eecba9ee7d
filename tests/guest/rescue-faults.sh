#!/usr/bin/env bash
# rescue-faults.sh - rescues of disks that fail on purpose: scsi_debug, null_blk, device mapper; errors, hangs, and slow errors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: rescue-faults.sh [CASE...]
# Failed reads are counted below salvor: by the SCSI layer for each command, by the kernel's trace events elsewhere.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
work_dir rescue-faults
. "$TOP/tests/lib/guest.sh"

cases=("$@")
[ $# -gt 0 ] || cases=(medium unanswered once offline killed null null4k dm gone)

debug='' # the disk of scsi_debug, by its kernel name
knobs='' # of it, in sysfs
FAULTS=/sys/bus/pseudo/drivers/scsi_debug
ERRORS=/sys/module/scsi_debug/parameters/medium_error
BLOCK=/sys/kernel/tracing/events/block

# COMMAND: in the guest, and the test ends when it fails
inside() { guest_run "set -e; $1" || fail "in the guest: $1"; }

# DISK [UNIT]: new content, which /tmp/oracle has, too
new_content() {
	inside "rm -f /tmp/copy /tmp/map*; dd if=/dev/urandom of=$1 bs=1M count=16 2>/dev/null; sync
		blockdev --flushbufs $1; dd if=$1 of=/tmp/oracle bs=1M 2>/dev/null"
}

# DISK BAD-START BAD-COUNT UNIT: what was rescued is what the disk held, and the map says which sectors were not
is_truth() {
	local want=''
	inside "dd if=/dev/zero of=/tmp/oracle bs=$4 seek=$2 count=$3 conv=notrunc 2>/dev/null"
	guest_run 'cmp /tmp/oracle /tmp/copy' || fail "$1: the copy differs"
	[ "$3" -eq 0 ] || want=$(printf '0x%08X  0x%08X  -' $(($2 * $4)) $(($3 * $4)))
	[ "$(guest_run 'grep "^0x.*-$" /tmp/map || true')" = "$want" ] || fail "$1: the map says $(guest_run 'cat /tmp/map')"
}

# DISK BAD-START BAD-COUNT [UNIT [ARG...]]: rescue it, and compare
rescue_of() {
	expect_rc $(($3 ? 3 : 0)) guest_run "salvor rescue --progress=none $1 /tmp/copy /tmp/map ${*:5}"
	is_truth "$1" "$2" "$3" "${4:-512}"
}

# failed reads by the rescue's own books
own_count() { guest_run "sed -n 's/.*\"failed_reads\": \([0-9]*\).*/\1/p' /tmp/map.salvor.json"; }

# CASE FAILED BAD: the count below, beside ours
count_is_fair() {
	local own
	own=$(own_count)
	echo "$1: $2 failed reads of $3 bad sectors, by the kernel's count; by ours $own"
	(($2 >= $3 && $2 <= 2 * $3)) || fail "$1: $2 failed reads for $3 bad sectors"
	[ "$2" -eq "$own" ] || fail "$1: somebody repeats what fails: $own failed reads became $2"
}

# --- scsi_debug ---

# [UNIT]: the disk, new
debug_disk() {
	inside "! lsmod | grep -q scsi_debug || rmmod scsi_debug; modprobe scsi_debug dev_size_mb=16 opts=0 sector_size=${1:-512}
		tries=0; until ls $FAULTS/adapter0/host*/target*/*/block >/tmp/name 2>/dev/null; do sleep 0.2; done"
	debug=$(guest_run 'cat /tmp/name')
	knobs=/sys/block/$debug
	new_content "/dev/$debug"
}

# NTH OPTS: every nth command fails in this way; 0 0: none
faulty() { inside "echo $2 >$FAULTS/opts; echo $1 >$FAULTS/every_nth"; }

# START COUNT: bad sectors
bad_medium() { inside "echo $1 >${ERRORS}_start; echo $2 >${ERRORS}_count; echo 2 >$FAULTS/opts"; }

commands_failed() { echo $(($(guest_run "cat $knobs/device/ioerr_cnt"))); }
manners() { guest_run "cat $knobs/device/timeout $knobs/queue/read_ahead_kb $knobs/device/scsi_disk/*/max_retries $knobs/device/scsi_disk/*/max_medium_access_timeouts" | tr '\n' ' '; }

# a medium error, whose sense data names the wrong sector; of sectors of 512 and of 4096 bytes
case_medium() {
	local unit before failed
	for unit in 512 4096; do
		debug_disk "$unit"
		before=$(manners)
		bad_medium $((5120000 / unit)) 10
		failed=$(commands_failed)
		rescue_of "/dev/$debug" $((5120000 / unit)) 10 "$unit"
		count_is_fair "scsi_debug, sectors of $unit" $(($(commands_failed) - failed)) 10
		[ "$(manners)" = "$before" ] || fail "what the kernel was told is not as before: $(manners), not $before"
	done
}

# commands that are never answered: each costs its limit and what the kernel does then, and the disk stays. One that
# hits a sector which is read alone for the first time makes it a bad one, until it is read again
case_unanswered() {
	debug_disk
	faulty 120 4
	rescue_of "/dev/$debug" 0 0 512 --retries 3
	faulty 0 0
	echo "scsi_debug: $(own_count) reads were never answered"
	[ "$(guest_run "cat $knobs/device/state")" = running ] || fail "the kernel has taken it away: $(guest_run "cat $knobs/device/state")"
	[ "$(own_count)" -gt 0 ] || fail 'no command was left unanswered'
}

# what happens once and never again: errors that the disk has recovered, transport errors, half of the data
case_once() {
	local opts
	debug_disk
	for opts in 0x8 0x10 0x100; do
		inside 'rm -f /tmp/copy /tmp/map*'
		faulty 30 "$opts"
		rescue_of "/dev/$debug" 0 0 512 --retries 3
		faulty 0 0
		echo "scsi_debug, faults of kind $opts: $(own_count) failed reads"
		[ "$opts" != 0x8 ] || [ "$(own_count)" -eq 0 ] || fail 'what the disk itself has recovered is not a failed read'
		[ "$opts" = 0x8 ] || [ "$(own_count)" -gt 0 ] || fail 'nothing has failed'
	done
}

# a disk that takes its time, so that "in the middle" lasts
begin_slow() {
	bad_medium 10000 10
	inside "echo 10 >$FAULTS/delay"
	guest_begin "salvor rescue --verbose --progress=none /dev/$debug /tmp/copy /tmp/map --save-every 1"
	guest_until "grep -qs '+\$' /tmp/map"
}

# the kernel takes it away, as it does with a disk that does not answer to resets either
case_offline() {
	debug_disk
	begin_slow
	inside "echo offline >$knobs/device/state"
	expect_rc 3 guest_finish
	grep -h 'the disk is gone' "$WORK/err"
	grep -h 'is back as' "$WORK/err"
	is_truth "/dev/$debug" 10000 10 512
}

# a rescue that is killed leaves the kernel's manners as it wanted them; the next one knows how they were
case_killed() {
	local before
	debug_disk
	before=$(manners)
	begin_slow
	[ "$(manners)" != "$before" ] || fail 'the kernel was told nothing'
	inside "killall -KILL salvor; while pidof salvor >/dev/null; do sleep 0.2; done; sleep 1; rm -f /tmp/job.*
		echo 1 >$FAULTS/delay"
	rescue_of "/dev/$debug" 10000 10
	[ "$(manners)" = "$before" ] || fail "what the kernel was told is not as before: $(manners), not $before"
}

# --- null_blk and device mapper: the kernel's trace tells what has failed ---

trace_begin() {
	inside "[ -d $BLOCK ] || mount -t tracefs none /sys/kernel/tracing
		echo 1 >$BLOCK/block_rq_error/enable; echo 'error < 0' >$BLOCK/block_bio_complete/filter
		echo 1 >$BLOCK/block_bio_complete/enable; echo >/sys/kernel/tracing/trace"
}

# DISK: reads of it that have failed since trace_begin
trace_failed() { guest_run "grep -c \" \$(tr : , </sys/block/$1/dev) R\" /sys/kernel/tracing/trace" || true; }

# UNIT: the disk /dev/nullb0, new; the folder's name is the disk's
null_disk() {
	inside "modprobe null_blk nr_devices=0; [ -d /config/nullb ] || { mkdir -p /config; mount -t configfs none /config; }
		cd /config/nullb; [ ! -d nullb0 ] || { echo 0 >nullb0/power; rmdir nullb0; }
		mkdir nullb0; cd nullb0; echo 16 >size; echo 1 >memory_backed; echo $1 >blocksize; echo 1 >power"
	new_content /dev/nullb0
}

# UNIT
null_of() {
	local at=$((4096000 / $1))
	null_disk "$1"
	inside 'echo +8000-8063 >/config/nullb/nullb0/badblocks'
	trace_begin
	rescue_of /dev/nullb0 "$at" $((64 * 512 / $1)) "$1"
	count_is_fair "null_blk, sectors of $1" "$(trace_failed nullb0)" $((64 * 512 / $1))
}
case_null() { null_of 512; }
case_null4k() { null_of 4096; }

# NAME LINE...: a device of the mapper
mapped() {
	local name=$1
	shift
	inside "printf '%s\n' $(printf "'%s' " "$@") | dmsetup create $name"
}

mapped_gone() { inside 'dmsetup remove failing; ! dmsetup info errors >/dev/null 2>&1 || dmsetup remove errors'; }

# an error in the middle, which takes its time, and a slow zone
case_dm() {
	null_disk 512
	mapped errors '0 8 error'
	mapped failing '0 5000 linear /dev/nullb0 0' '5000 8 delay /dev/mapper/errors 0 300' \
		'5008 4000 delay /dev/nullb0 5008 20' '9008 23760 linear /dev/nullb0 9008'
	trace_begin
	rescue_of /dev/mapper/failing 5000 8
	count_is_fair 'device mapper, slow errors' "$(trace_failed "$(guest_run 'dmsetup info -c --noheadings -o blkdevname errors')")" 8
	mapped_gone
}

# a disk of which all is unreadable for a while, but which says nothing else: none of that counts
case_gone() {
	null_disk 512
	local table=('0 5000 delay /dev/nullb0 0 30' '5000 8 error' '5008 27760 delay /dev/nullb0 5008 30')
	mapped failing "${table[@]}"
	guest_begin 'salvor rescue --verbose --progress=none /dev/mapper/failing /tmp/copy /tmp/map --save-every 1'
	guest_until "grep -qs '+\$' /tmp/map"
	inside "echo '0 32768 error' | dmsetup load failing; dmsetup resume failing"
	guest_until "grep -q 'the disk is gone' /tmp/job.err"
	inside "printf '%s\n' $(printf "'%s' " "${table[@]}") | dmsetup load failing; dmsetup resume failing"
	expect_rc 3 guest_finish
	grep -h 'is back as' "$WORK/err"
	is_truth /dev/mapper/failing 5000 8 512
	mapped_gone
}

guest_new
guest_boot -smp 1
for name in "${cases[@]}"; do
	note "$name"
	"case_$name"
done
guest_kill
