#!/usr/bin/env bash
# rescue-unlock.sh - a failing disk with an encrypted volume: rescued with its key, up to the files that were hit
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [SEED=N] rescue-unlock.sh    bad places by chance, the same each time unless SEED says otherwise
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$TOP/tests/lib/faults.sh"
. "$TOP/tests/lib/inside.sh"
. "$TOP/tests/lib/luks.sh"
requires jq cryptsetup mke2fs e2fsck dumpe2fs debugfs sfdisk python3
work_dir rescue-unlock
cd "$WORK"
seed=${SEED:-1}
cleanup_fn echo "SEED=$seed"
src=$WORK/src.raw
size=$((84 * MIB))
printf 'a long passphrase' >key
printf 'wrong' >wrong

note 'an ext4 in LUKS2 in a partition, with places that cannot be read'
make_tree "$seed"
ext_volume plain 48M -b 4096
to_luks2 "$WORK/plain" "$WORK/key" --sector-size 4096
truncate -s $size src.raw
printf '%s\n' 'label: gpt' 'start=2MiB' | write_table src.raw 512
put_in plain.luks src.raw $((2 * MIB))
# all that any file or the filesystem has is in the first part of it
"$owners" make ext plain plain.map "$seed" 14
"$inside" units plain.map plain4k.map 4096
echo "$((2 * MIB + LUKS2_HEADER)) $((64 * MIB - 2 * MIB))" >pieces
"$inside" map $size src.map plain.map pieces
ranges=()
while read -r start length state; do
	[ "$state" != - ] || ranges+=("$((start))-$((start + length))")
done < <(grep '^0x.*0x' src.map)
unreadable src.raw "${ranges[@]}"
[ ${#ranges[@]} -gt 8 ] || fail 'there are few bad places: the test is blunt'

# REPORT: the files of the volume inside, against debugfs
tells_the_files() {
	cp "$1" report
	judge LUKS2 ext plain plain4k.map
	reported '[.volumes[] | [.name, .fs, .reason]] == [[null, "crypto_LUKS", null], ["LUKS2", "ext4", null]]'
}

note 'with a key file, and with a passphrase that is asked for once'
for how in --key-file --unlock; do
	with=("$how")
	[ $how = --unlock ] || with+=(key)
	rm -f copy*
	expect_rc 3 rescue -- copy copy.map "${with[@]}" <key
	expect_said ' hit, '
	has '^Partition 1, LUKS2 (ext4' <copy.map.report.txt || fail "$(cat copy.map.report.txt)"
	! grep -raF 'a long passphrase' copy.map* out err || fail 'it was written down'
	expect_rc 0 salvor report copy.map --key-file key
	cmp out copy.map.report.txt || fail 'the report beside the map is not that of salvor report'
	expect_rc 0 salvor report copy.map --json --key-file key
	tells_the_files out
done

note 'without the key the volume is told by its name'
rm -f copy*
expect_rc 3 rescue -- copy copy.map
has 'LUKS2, locked' <copy.map.report.txt || fail "$(cat copy.map.report.txt)"
rm -f copy*
expect_rc 12 rescue -- copy copy.map --key-file wrong

note 'stopped, and gone on with: the key is asked for again'
rm -f copy*
expect_rc 20 rescue src.raw:r:0:0:I:60:1 -- copy copy.map --unlock <key
expect_rc 3 rescue -- copy copy.map --unlock <key
expect_rc 0 salvor report copy.map --json --key-file key
tells_the_files out

note 'only what is in use, into an image: what is free is no bad area of it'
ranges=()
for name in 'folder 0/e1/a file, 400.bin' 'folder 10/e3/a file, 430.bin' 'folder 0/e5/a file, 460.bin'; do
	read -r block _ < <(debugfs -R "blocks \"/$name\"" plain 2>/dev/null)
	at=$((2 * MIB + LUKS2_HEADER + block * 4096 + 1024))
	ranges+=("$at-$((at + 512))")
done
unreadable src.raw "${ranges[@]}"
expect_rc 3 rescue -- image --image --domain used --unlock <key
has 'exact, LUKS2, unlocked: ext4 inside' <image/report.txt || fail "$(cat image/report.txt)"
expect_rc 0 salvor report image --json --key-file key
cp out report
reported '.lost == 1536 and .areas == 3'
[ "$(jq -r '[.volumes[1].files[].paths[]] | sort | join("|")' report)" = \
	'/folder 0/e1/a file, 400.bin|/folder 0/e5/a file, 460.bin|/folder 10/e3/a file, 430.bin' ] || fail "$(cat report)"
[ "$(jq '.bytes.free' image/manifest.json)" -gt $((30 * MIB)) ] || fail 'free space is in the image'
