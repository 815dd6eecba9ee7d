#!/usr/bin/env bash
# safety.sh - each safety rule of the design attacked from the command line, with loop devices as disks
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/faults.sh"
. "$(dirname "$0")/../lib/small-disk.sh"
requires mke2fs sfdisk jq
requires_loop

work_dir safety
disk=$WORK/disk
small_disk "$disk" 100
"$SALVOR" save "$disk" "$WORK/img" --no-verify

# refused with 6 before anything was written to $1 (a file); the rest is the command
refused() {
	local file=$1 before
	shift
	before=$(sha "$file")
	expect_rc 6 "$@"
	[ "$(wc -l <"$WORK/err")" -eq 1 ] || fail "not one sentence: $(cat "$WORK/err")"
	[ "$(sha "$file")" = "$before" ] || fail "refused, but $file was written: $*"
}

fresh_target() {
	poison "$WORK/target" "${1:-$SMALL_SIZE}"
	attach_loop "$WORK/target" "${2:-512}"
	T=$LOOP
	ID=${1:-$SMALL_SIZE}
}

note 'no confirmation, a wrong one, another disk'"'"'s'
fresh_target
refused "$WORK/target" "$SALVOR" restore "$WORK/img" "$T"
expect_said "$ID"
refused "$WORK/target" "$SALVOR" restore "$WORK/img" "$T" --confirm-erase yes
refused "$WORK/target" "$SALVOR" restore "$WORK/img" "$T" --confirm-erase "$((ID + 512))"
refused "$WORK/target" "$SALVOR" restore "$WORK/img" "$T" --dry-run
expect_rc 0 "$SALVOR" restore "$WORK/img" "$T" --dry-run --confirm-erase "$ID"
[ "$(head -c 1 "$WORK/target" | xxd -p)" = a5 ] || fail 'a dry run wrote'

note 'held by another loop device'
holder=$(losetup -f --show "$T")
refused "$WORK/target" "$SALVOR" restore "$WORK/img" "$T" --confirm-erase "$ID"
losetup -d "$holder"

note 'opened exclusively by another program'
python3 - "$T" "$WORK/held" <<'PY' &
import os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_EXCL)
open(sys.argv[2], "w").close()
time.sleep(600)
PY
keeper=$!
while [ ! -e "$WORK/held" ]; do sleep 0.1; done
rc=0
"$SALVOR" restore "$WORK/img" "$T" --confirm-erase "$ID" >"$WORK/out" 2>"$WORK/err" || rc=$?
kill "$keeper"
wait "$keeper" 2>/dev/null || true
[ "$rc" -eq 6 ] || [ "$rc" -eq 10 ] || fail "a target in use by another program: $rc"
[ "$(head -c 1 "$WORK/target" | xxd -p)" = a5 ] || fail 'a target in use was written'

note 'mounted'
mke2fs -q -F "$T"
mkdir -p "$WORK/mnt"
mount "$T" "$WORK/mnt"
expect_rc 6 "$SALVOR" restore "$WORK/img" "$T" --confirm-erase "$ID"
expect_said "$WORK/mnt"
note 'mounted read-write: no source either; mounted read-only: a source, but no target'
expect_rc 6 "$SALVOR" save "$T" "$WORK/live"
[ ! -e "$WORK/live.part" ] || fail 'a refused save left a folder'
mount -o remount,ro "$WORK/mnt"
expect_rc 0 "$SALVOR" save "$T" "$WORK/ro-mounted"
expect_rc 6 "$SALVOR" restore "$WORK/img" "$T" --confirm-erase "$ID"
note 'the store lies on it'
mount -o remount,rw "$WORK/mnt"
cp -r "$WORK/img" "$WORK/mnt/img"
expect_rc 6 "$SALVOR" restore "$WORK/mnt/img" "$T" --confirm-erase "$ID"
expect_rc 6 "$SALVOR" save "$T" "$WORK/mnt/self"
umount "$WORK/mnt"

note 'swap'
mkswap -q "$T"
if swapon "$T" 2>/dev/null; then
	expect_rc 6 "$SALVOR" restore "$WORK/img" "$T" --confirm-erase "$ID"
	expect_rc 6 "$SALVOR" save "$T" "$WORK/swapped"
	swapoff "$T"
else
	echo 'not shown: this kernel swaps on no loop device'
fi
detach_loop "$T"

note 'too small, with the missing bytes; other sector size; write-protected'
fresh_target $((SMALL_SIZE - 4096))
refused "$WORK/target" "$SALVOR" restore "$WORK/img" "$T" --confirm-erase "$ID"
expect_said 4096
detach_loop "$T"
fresh_target "$SMALL_SIZE" 4096
refused "$WORK/target" "$SALVOR" restore "$WORK/img" "$T" --confirm-erase "$ID"
expect_said 4096
detach_loop "$T"
poison "$WORK/target" "$SMALL_SIZE"
attach_loop "$WORK/target" 512 -r
refused "$WORK/target" "$SALVOR" restore "$WORK/img" "$LOOP" --confirm-erase "$SMALL_SIZE"
detach_loop "$LOOP"

note 'a soft read-only flag is cleared after all checks, a source'"'"'s flag is put back'
fresh_target
blockdev --setro "$T"
expect_rc 6 "$SALVOR" restore "$WORK/img" "$T"
[ "$(blockdev --getro "$T")" -eq 1 ] || fail 'a refused restore cleared the read-only flag'
blockdev --setrw "$T" # a loop device keeps the flag for its next file
detach_loop "$T"
attach_loop "$disk" 512
expect_rc 0 "$SALVOR" save "$LOOP" "$WORK/flagged" --no-verify
[ "$(blockdev --getro "$LOOP")" -eq 0 ] || fail 'the read-only guard of the source outlived the save'
blockdev --setro "$LOOP"
expect_rc 0 "$SALVOR" save "$LOOP" "$WORK/flagged2" --no-verify
[ "$(blockdev --getro "$LOOP")" -eq 1 ] || fail 'a flag that was there before is gone'
note 'a guard that cannot be set is told, for people and for programs'
blockdev --setrw "$LOOP"
expect_rc 0 with_faults '/run/salvor/ro:o:0:0:30' "$SALVOR" save "$LOOP" "$WORK/unguarded" --no-verify
expect_said "salvor: warning: $LOOP cannot be made read-only"
expect_rc 0 with_faults '/run/salvor/ro:o:0:0:30' "$SALVOR" save "$LOOP" "$WORK/unguarded2" --no-verify --json
jq -e -s 'any(.[]; .type == "warning" and (.message | test("cannot be made read-only")))' "$WORK/out" >/dev/null ||
	fail "no warning line: $(cat "$WORK/out")"
blockdev --setrw "$LOOP"

# RULE: whatever call it strikes, after the next start the flag is as it was
no_flag_left() {
	with_faults "$1" "$SALVOR" save "$LOOP" "$WORK/guarded" --no-verify >"$WORK/out" 2>&1 || true
	rm -rf "$WORK/guarded" "$WORK/guarded.part"
	"$SALVOR" disks >/dev/null
	[ "$(blockdev --getro "$LOOP")" -eq 0 ] || fail "the read-only guard outlived a save and the next start ($1)"
}

note 'a guard that could not be put back is put back by the next start'
with_log "$WORK/log" "$LOOP" "$SALVOR" save "$LOOP" "$WORK/logged" --no-verify >/dev/null
for ((i = $(grep -c "^o.* $LOOP\$" "$WORK/log"); i-- > 0; )); do
	no_flag_left "$LOOP:o:0:0:19:$i:0"
done
with_log "$WORK/log" /run/salvor/ro "$SALVOR" save "$LOOP" "$WORK/logged2" --no-verify >/dev/null
for ((i = $(grep -c '^l' "$WORK/log"); i-- > 0; )); do
	no_flag_left "/run/salvor/ro:l:0:0:38:$i:1"
done
detach_loop "$LOOP"

note 'a target that cannot be looked at has failed: it is neither missing nor refused'
fresh_target
for name in "$T" "$WORK/target"; do
	with_log "$WORK/log" "$name" "$SALVOR" restore "$WORK/img" "$name" --confirm-erase "$ID" >/dev/null
	for ((i = $(grep -c "^S.* $name\$" "$WORK/log"); i-- > 0; )); do
		rc=0
		with_faults "$name:S:0:0:5:$i:0" "$SALVOR" restore "$WORK/img" "$name" --confirm-erase "$ID" >"$WORK/out" 2>&1 || rc=$?
		# 0: the last look is for reading past the cache, and that is done without
		[ "$rc" -eq 10 ] || [ "$rc" -eq 0 ] || fail "exit code $rc: $(cat "$WORK/out")"
	done
done
detach_loop "$T"

note 'existing images and files'
expect_rc 6 "$SALVOR" save "$disk" "$WORK/img"
expect_rc 6 "$SALVOR" restore "$WORK/img" "$WORK/img/disk.img.zst" --confirm-erase "$(stat -c %s "$WORK/img/disk.img.zst")"
expect_rc 0 "$SALVOR" verify "$WORK/img"
poison "$WORK/file" "$SMALL_SIZE"
refused "$WORK/file" "$SALVOR" restore "$WORK/img" "$WORK/file"
expect_rc 5 "$SALVOR" restore "$WORK/img" /dev/no-such-disk --confirm-erase 1
expect_rc 5 "$SALVOR" restore "$WORK/nothing" "$WORK/file" --confirm-erase "$SMALL_SIZE"
expect_rc 5 "$SALVOR" save "$WORK/nothing" "$WORK/never"

note 'the source is never written'
before=$(sha "$disk")
attach_loop "$disk" 512
expect_rc 0 "$SALVOR" save "$LOOP" "$WORK/again"
detach_loop "$LOOP"
[ "$(sha "$disk")" = "$before" ] || fail 'the source changed'
