#!/usr/bin/env bash
# health.sh - salvor health: verdicts, sentences and JSON over prepared answers, and the real smartctl on a loop device
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/health.sh"
requires jq
work_dir health
real_path=$PATH
fake_smartctl
ROOT=$WORK/root
mkdir -p "$ROOT"/{proc/self,run,sys/block,sys/class/block,sys/dev/block}
: >"$ROOT/proc/swaps"
: >"$ROOT/proc/self/mountinfo"
paper_disk sda 'WDC WD10EZEX' WCC6Y5U91K7P
paper_disk sdb 'SanDisk Ultra' 4C53000112
paper_disk nvme0n1 'Samsung SSD 980' S5GXNX0T123456
mkdir -p "$ROOT/sys/block/sda/sda1"
echo 1 >"$ROOT/sys/block/sda/sda1/partition"
echo 2048 | tee "$ROOT/sys/block/sda/sda1/start" "$ROOT/sys/block/sda/sda1/size" >/dev/null
: >"$ROOT/dev/sda1"
answer_of sda ata-pending
answer_of sdb usb-stick
answer_of nvme0n1 nvme-good
export SALVOR_ROOT=$ROOT

# TEXT: the last command printed it
printed() { grep -qF -- "$1" "$WORK/out" || fail "not printed: $1: $(cat "$WORK/out")"; }

# JQ: holds for the one document on stdout
document() {
	[ "$(wc -l <"$WORK/out")" -eq 1 ] || fail 'more than one document'
	jq -e "$1" "$WORK/out" >/dev/null || fail "not true of $(cat "$WORK/out"): $1"
}

note 'all disks, for people'
expect_rc 0 salvor health
[ ! -s "$WORK/err" ] || fail "stderr: $(cat "$WORK/err")"
printed 'WDC WD10EZEX, serial WCC6Y5U91K7P'
printed 'FAILING'
printed '42 sectors could not be read and wait to be replaced: rescue it before anything else'
printed '17 sectors went bad and were replaced by spare ones'
printed '41 degrees Celsius'
grep -q '^  Power on, hours  *46310$' "$WORK/out" || fail 'no hours'
printed 'UNKNOWN'
printed 'it keeps no record of its health'
printed 'GOOD'
printed 'Spare memory left'
[ "$(grep -c '^/dev/' "$WORK/out")" -eq 3 ] || fail 'not three disks'
[ "$(wc -L <"$WORK/out")" -le 120 ] || fail 'lines are too long'

note 'for programs'
expect_rc 0 salvor health --json
document '.v == 1 and .type == "health" and ([.disks[].verdict] | sort) == ["failing", "good", "unknown"]'
expect_rc 0 salvor health /dev/sda --json
document '(.disks | length) == 1 and (.disks[0] | .path == "/dev/sda" and .verdict == "failing" and .passed
	and .protocol == "ATA" and .temperature == 41 and .pending == 42 and .uncorrectable == 8 and .lost == 5
	and .reallocated == 17 and .crc_errors == 3 and .errors_logged == 213 and .power_on_hours == 46310
	and .spare == null and .percent_used == null and .self_test == "passed" and .reasons[0].cause == "pending"
	and .reasons[0].level == "failing" and (.reasons[0].text | startswith("42 sectors")))'
expect_rc 0 salvor health serial=4C53000112 --json
document '.disks[0] | .verdict == "unknown" and .passed == null and .temperature == null and .protocol == null
	and [.reasons[].cause] == ["no_data"]'

note 'several, each once; a partition stands for its disk'
expect_rc 0 salvor health /dev/nvme0n1 /dev/sda1 serial=WCC6Y5U91K7P --json
document '[.disks[].path] == ["/dev/nvme0n1", "/dev/sda"]'

note 'it is only asked: no command that changes anything, and a sleeping disk is not woken'
! grep -vE -- '^--json=c (-n standby,3 )?-i -H -c -A -l error -l selftest -l devstat -l defects -g security /' "$FAKE_SMARTCTL/calls" ||
	fail 'smartctl was asked for more'
answer_of sda standby
expect_rc 0 salvor health /dev/sda
printed 'the disk is asleep and was not woken'
tail -n 1 "$FAKE_SMARTCTL/calls" | has -e '-n standby,3' || fail 'a sleeping disk is woken'
expect_rc 0 salvor health /dev/sda --wake
! tail -n 1 "$FAKE_SMARTCTL/calls" | has -e '-n ' || fail '--wake does not wake'

note 'what a broken disk or tool says'
for sample in garbage truncated no-status; do
	answer_of sda "$sample"
	expect_rc 0 salvor health /dev/sda
	printed 'the answer of smartctl makes no sense'
done
answer_of sda denied
expect_rc 0 salvor health /dev/sda
printed 'asking a disk needs root'
mkdir "$WORK/empty"
expect_rc 0 env PATH="$WORK/empty" "$SALVOR" health /dev/sda
printed 'smartctl of the package smartmontools is not installed'

note 'what is wrong with the question'
expect_rc 5 salvor health /dev/sdz
expect_said 'there is no disk /dev/sdz'
expect_rc 5 salvor health /dev/sda serial=none --json
expect_said 'there is no disk with serial=none'
[ ! -s "$WORK/out" ] || fail 'half a document'
expect_rc 2 salvor health /dev/sda --extents
expect_rc 1 env SALVOR_ROOT="$WORK/empty" "$SALVOR" health

note 'the real one'
unset SALVOR_ROOT
PATH=$real_path
if have_loop && command -v smartctl >/dev/null; then
	truncate -s 8M "$WORK/disk"
	before=$(sha "$WORK/disk")
	attach_loop "$WORK/disk" 512
	expect_rc 0 salvor health "$LOOP" --json
	document '.disks[0] | .verdict == "unknown" and .reasons[0].cause == "no_data"'
	detach_loop "$LOOP"
	[ "$(sha "$WORK/disk")" = "$before" ] || fail 'the disk was changed'
else
	note 'no loop devices or no smartctl here: the real one is not asked'
fi
