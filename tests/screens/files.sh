#!/usr/bin/env bash
# files.sh - files copied off a disk: dirty, failing, and never changed by it
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
. "$(dirname "$0")/../lib/faults.sh"
requires tmux mke2fs
requires_loop
work_dir screens
make_root

# a volume that was not unmounted: its journal would be replayed by an ordinary mount, even a read-only one
mkdir -p "$WORK/tree/home/me/letters" "$WORK/tree/etc" "$WORK/mnt" "$WORK/store"
echo 'dear' >"$WORK/tree/home/me/letters/aunt"
head -c 300000 /dev/urandom >"$WORK/tree/home/me/photo.raw"
head -c 100000 /dev/urandom >"$WORK/tree/home/me/broken.raw"
echo 'nothing' >"$WORK/tree/etc/passwd"
printf x >"$WORK/tree/home/me/"$'odd\e[31mname'
truncate -s 32M "$WORK/disk"
mke2fs -q -F -t ext4 -L system -d "$WORK/tree" "$WORK/disk"
attach_loop "$WORK/disk" 512
mount "$LOOP" "$WORK/mnt"
echo 'later' >"$WORK/mnt/later"
sync -f "$WORK/mnt/later"
cp "$WORK/disk" "$WORK/dirty"
umount "$WORK/mnt"
detach_loop "$LOOP"
dumpe2fs -h "$WORK/dirty" 2>/dev/null | has needs_recovery || fail 'the volume is not dirty'
attach_loop "$WORK/dirty" 512
disk=$LOOP
show_disk "$LOOP" 'Hitachi Dead' DEAD0001
before=$(sha "$WORK/dirty")
truncate -s 32M "$WORK/store.img"
mke2fs -q -F -t ext4 -L STORE "$WORK/store.img"
attach_loop "$WORK/store.img" 512
mount "$LOOP" "$WORK/store"
cleanup_fn umount "$WORK/store"
# whatever the test ends with
away() { umount -q "$ROOT/run/salvor/places/${disk##*/}" 2>/dev/null || true; }
cleanup_fn away

note 'the volume, its folders, marks'
start_screen 80 24 NO_COLOR=1 ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" LD_PRELOAD="$FAULTIO_SO" \
	FAULTIO="${disk##*/}/home/me/broken.raw:r:40960:45056:5"
see 'What do you want to do?'
see '1 partition'
keys 7
see 'On which volume are the files?'
choose 'ext4'
keys Enter
see 'home/'
[ "$(blockdev --getro "$disk")" = 1 ] || fail 'the kernel would let the disk be written'
see 'mark files or folders first'
choose 'home/'
keys Enter
see '[..]'
choose 'me/'
keys Enter
see 'photo.raw'
see '[31mname'
choose 'photo.raw'
keys Space
see '[x] photo.raw'
choose 'broken.raw'
keys Enter
see '[x] broken.raw'
choose 'letters/'
keys Space
see '[x] letters/'
see 'Copy what is marked (3)'
keys Escape
see '[+] me/'
keys Escape
see '[+] home/'
choose 'later'
keys Space
keys Space
see 'Copy what is marked (3)'

note 'where to, review, start; one of them cannot be read whole'
choose 'Copy what is marked'
keys Enter
see 'Where should the files go?'
see 'lies on the disk that is read'
fill_in 'Folder' "$WORK/store"
choose 'New folder'
see 'files_Hitachi-Dead_DEAD0001'
keys C-u
type_text saved
choose 'Go on'
keys Enter
see 'START the copy'
see '/home/me/photo.raw'
keys Enter
see 'SOME AREAS COULD NOT BE READ'
see '3 files were copied, but there were 1 problems'

note 'what was asked for is there, the same, and nothing else'
diff -r "$WORK/tree/home/me/letters" "$WORK/store/saved/files/home/me/letters" || fail 'other letters'
cmp "$WORK/tree/home/me/photo.raw" "$WORK/store/saved/files/home/me/photo.raw" || fail 'another photo'
[ ! -e "$WORK/store/saved/files/etc" ] || fail 'what was not marked is there'
(cd "$WORK/store/saved" && sha256sum --quiet -c SHA256SUMS) || fail 'the sums are wrong'
grep -F 'home/me/broken.raw: 4096 of 100000 bytes cannot be read, the first at 40960' "$WORK/store/saved/report.txt" ||
	fail "the report: $(cat "$WORK/store/saved/report.txt")"
cmp <(head -c 40960 "$WORK/tree/home/me/broken.raw") <(head -c 40960 "$WORK/store/saved/files/home/me/broken.raw") ||
	fail 'what could be read before the gap is not there'
cmp <(tail -c +45057 "$WORK/tree/home/me/broken.raw") <(tail -c +45057 "$WORK/store/saved/files/home/me/broken.raw") ||
	fail 'what could be read behind the gap is not there'

note 'not a byte of the disk has changed, its journal is still to be replayed'
keys Enter
see 'What do you want to do?'
keys q
choose 'Leave'
keys Enter
ended_with 0
! grep -F "$ROOT/run/salvor/places" /proc/self/mounts || fail 'still mounted'
[ "$(blockdev --getro "$disk")" = 0 ] || fail "the kernel's read-only flag was not put back"
sync
[ "$(sha "$WORK/dirty")" = "$before" ] || fail 'looking at the files changed the disk'
