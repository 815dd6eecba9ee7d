#!/usr/bin/env bash
# format.sh - an empty disk becomes a new backup disk on the page of destinations, and a backup goes there; what cannot, says why
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
. "$(dirname "$0")/../lib/plain.sh"
requires tmux mke2fs e2fsck mkfs.exfat fsck.exfat sgdisk jq
requires_loop
work_dir screens-format
make_root

truncate -s 24M "$WORK/source"
mke2fs -q -F -t ext4 -L DATA "$WORK/source"
attach_loop "$WORK/source" 512
show_disk "$LOOP" 'Samsung SSD 870' S5Y2NJ0R204821F
truncate -s 100M "$WORK/empty"
attach_loop "$WORK/empty" 512
empty=$LOOP
show_disk "$empty" 'SanDisk Extreme' 0A33CEMPTY
poison "$WORK/used" $((120 * MIB))
mke2fs -q -F -t ext4 -L PHOTOS "$WORK/used"
attach_loop "$WORK/used" 512
used=$LOOP
show_disk "$used" 'WD Elements' WX11USED7K2P
truncate -s 100M "$WORK/large-sectors"
attach_loop "$WORK/large-sectors" 4096
show_disk "$LOOP" 'Ultrastar HC550' 2TKX4096
truncate -s 16M "$WORK/stick"
attach_loop "$WORK/stick" 512
show_disk "$LOOP" 'Kingston Salvor' STICK0001
mkdir -p "$ROOT/run/salvor"
echo "$LOOP" >"$ROOT/run/salvor/boot-medium"
truncate -s 16M "$WORK/mounted"
mke2fs -q -F -t ext4 "$WORK/mounted"
attach_loop "$WORK/mounted" 512
show_disk "$LOOP" 'Toshiba Mounted' MOUNTED01
mkdir "$WORK/mnt"
mount "$LOOP" "$WORK/mnt"
cleanup_fn umount "$WORK/mnt"
awk -v at="$WORK/mnt" '$5 == at' /proc/self/mountinfo >"$ROOT/proc/self/mountinfo"
source_before=$(sha "$WORK/source")

# SERIAL SENTENCE: the disk stands there, cannot be chosen, and this is why
refused() {
	screen | grep -F -A 6 -- "$1" | has -F -- "$2" || {
		screen >&2
		fail "$1 is not refused because: $2"
	}
}

to_destinations() {
	see 'What do you want to do?'
	see '6 disks found'
	keys 1
	see 'Which disk do you want to SAVE?'
	choose 'S5Y2NJ0R204821F'
	keys Enter
	see 'Where should the image'
}

# what the kernel does by itself on a real disk: a node for the new partition
kernel_sees() {
	local n start size
	read -r n start size < <(list_partitions "$1" 512)
	partition_size=$size
	[ -b "${1}p$n" ] || addpart "$1" "$n" $((start / 512)) $((size / 512))
	show_part "$1" "$n"
}

note 'mono: nothing is preselected, what cannot be says why'
start_screen 120 40 NO_COLOR=1
to_destinations
see 'Format an empty disk as a new backup disk'
keys f
see 'Which disk should become a new backup disk?'
see 'empty'
! screen | has -E '^(►|>)' || fail 'a disk is preselected'
refused 'S5Y2NJ0R204821F' 'is the source'
refused 'STICK0001' 'Salvor was started from it'
refused 'MOUNTED01' 'mounted on'
keys F1
see 'An empty one is best.'
keys Escape
see 'Which disk should become'

note 'an empty one needs no check by typing; it gets exFAT'
choose '0A33CEMPTY'
keys Enter
see 'It is empty'
see_not 'Serial ends'
see 'exFAT: Windows, macOS and Linux read it'
keys F1
see 'filesystem called SALVOR'
keys Escape
choose 'Make it a backup disk'
keys Enter
see 'Where should the image'
kernel_sees "$empty"
sgdisk -v "$empty" | has -F 'No problems found' || fail 'sgdisk does not like the table'
dd if="${empty}p1" of="$WORK/part" bs=1M status=none
fsck.exfat -n "$WORK/part" || fail 'fsck.exfat does not like it'
see '"SALVOR"  exfat'

note 'one with files: they are shown, the end of the serial number is wanted, then it is ext4'
keys f
see 'Which disk should become'
choose 'WX11USED7K2P'
see 'PHOTOS'
keys Enter
see 'THIS ERASES A DISK'
see 'WILL BE LOST: 1 partition'
see 'not before the check above is typed'
before=$(sha "$WORK/used")
choose 'Serial ends'
type_text 7k2
keys Enter
see 'not before the check above is typed'
sync
[ "$(sha "$WORK/used")" = "$before" ] || fail 'written without the check'
type_text p
choose 'Filesystem'
keys Right
see 'ext4: only Linux reads it'
choose 'ERASE it'
keys Enter
see 'Where should the image'
kernel_sees "$used"
dd if="${used}p1" of="$WORK/part" bs=1M status=none
e2fsck -fn "$WORK/part" || fail 'e2fsck does not like it'
[ "$(stat -c %s "$WORK/part")" = "$partition_size" ] || fail 'another size'
wipefs -i "$WORK/part" | has -F ext4 || fail "not seen as ext4: $(wipefs -i "$WORK/part")"

note 'it is a place now, and the backup goes there'
keys r
see "${used}p1"
choose "${used}p1"
keys Enter
see_path "$ROOT/run/salvor/places/${used##*/}p1"
choose 'Go on'
keys Enter
see 'START the backup'
keys Enter
see 'DONE, AND CHECKED.'
find "$ROOT/run/salvor/places/${used##*/}p1" -maxdepth 1 | has -F 'Samsung-SSD-870' || fail 'no image on it'
keys l
see 'the new backup disk is ready'
keys Escape
keys Enter
see 'What do you want to do?'
umount "$ROOT/run/salvor/places/${used##*/}p1"
unchanged "$WORK/source" "$source_before"
end_screen

note 'colour: another disk in its place between the check and the start'
start_screen 80 24
to_destinations
keys f
see 'Which disk should become'
choose 'WX11USED7K2P'
keys Enter
see 'THIS ERASES A DISK'
choose 'Serial ends'
type_text 7k2p
before=$(sha "$WORK/used")
show_disk "$used" 'WD Elements' WX11OTHER999
choose 'ERASE it'
keys Enter
see 'The disk has changed'
sync
[ "$(sha "$WORK/used")" = "$before" ] || fail 'written to another disk'
show_disk "$used" 'WD Elements' WX11USED7K2P
end_screen

note 'German, in 80 columns: sectors of 4096 bytes get ext4'
start_screen 80 24 LANGUAGE=de SALVOR_LOCALES="$TOP/${BUILD:-build}/locale"
see 'Was möchten Sie tun?'
keys 1
choose 'S5Y2NJ0R204821F'
keys Enter
see 'Einen leeren Datenträger'
keys f
see 'ein neuer Sicherungsdatenträger werden?'
choose '2TKX4096'
keys Enter
see 'Er ist leer'
see 'ext4: nur für Linux lesbar'
see_not 'exFAT'
[ "$(screen | wc -L)" -le 80 ] || fail 'wider than the screen'
end_screen

note 'plain mode'
start_talk
hear '? help'
answer 1
hear 'Step 1 of 3, Source.'
hear 'S5Y2NJ0R204821F'
hear 'b back'
answer "$(number_of 'S5Y2NJ0R204821F')"
hear 'Format an empty disk'
hear 'b back'
answer F
hear 'Which disk should become'
hear 'b back'
# a page that was read out says what was known then
for _ in $(seq 60); do
	! tail -n 25 "$WORK/heard" | grep -F -A 2 '2TKX4096' | has -F 'empty' || break
	sleep 1
	answer '?'
	hear 'An empty one is best.'
	hear 'b back'
	answer b
	hear '2TKX4096'
	hear 'b back'
done
answer "$(number_of '2TKX4096')"
hear 'Make it a backup disk'
hear 'b back'
answer "$(number_of 'Make it a backup disk')"
hear 'Where should the image'
hear 'b back'
kill "$talk_pid"
wait "$talk_pid" || fail "ended with $?"
sync
"$SALVOR" map "$WORK/large-sectors" --sector-size 4096 --json | jq -e '.table == "gpt" and .partitions[0].fs == "ext4"
	and .partitions[0].label == "SALVOR" and .partitions[0].state == "exact"' >/dev/null || fail 'no backup disk'
unchanged "$WORK/source" "$source_before"
