#!/usr/bin/env bash
# luks.sh - encrypted volumes: looked into with their key, saved as they are; locked, damaged and hostile ones whole
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The volumes are encrypted by others: LUKS1 by QEMU, LUKS2 by cryptsetup, which does that to files without the device
# mapper. What would be read must be what the filesystems' own tools say, moved; saved and restored onto 0xA5, the
# same tools decrypt it again, the checkers are content, the trees equal.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$TOP/tests/lib/faults.sh"
. "$TOP/tests/lib/luks.sh"
requires jq python3 qemu-img cryptsetup mke2fs e2fsck dumpe2fs debugfs sfdisk
work_dir luks

disk=$WORK/disk.img target=$WORK/target.img
LUKS_PY=$TOP/tests/lib/luks.py
printf 'a long passphrase' >"$WORK/key"
printf 'another one\n' >"$WORK/key2"
printf 'wrong' >"$WORK/wrong"

qemu_luks1() { echo "driver=luks,key-secret=s,file.driver=file,file.filename=$1"; }
qemu_secret() { echo "secret,id=s,data=$(cat "$WORK/key")"; }

# FILE: a LUKS1 volume with a copy of the filesystem in FILE, in FILE.luks
to_luks1() {
	qemu-img create -q -f luks --object "$(qemu_secret)" -o key-secret=s,iter-time=10,"$2" "$1.luks" "$(stat -c %s "$1")"
	qemu-img convert -n -f raw --object "$(qemu_secret)" --target-image-opts "$1" "$(qemu_luks1 "$1.luks")"
}

# FILE: what is in a LUKS1 volume, in FILE.plain
from_luks1() { qemu-img convert -O raw --object "$(qemu_secret)" --image-opts "$(qemu_luks1 "$1")" "$1.plain"; }

from_luks2() {
	cp "$1" "$1.plain"
	rm -f "$WORK/detached"
	cryptsetup reencrypt -q --decrypt --force-offline-reencrypt --header "$WORK/detached" --key-file "$2" "$1.plain"
}

# SHIFT SIZE < free ranges of a volume of SIZE bytes: where they are around it; its first and last MiB are read
shifted() {
	awk -v m="$MIB" -v shift="$1" -v size="$2" '{
		low = $1 < m ? m : $1; high = $1 + $2 > size - m ? size - m : $1 + $2
		if (low < high) printf "%d %d\n", low + shift, high - low }'
}

# NAME PARTITION: the map's words of a partition: state, what is inside, reason
words() { jq -r ".partitions[$2] | \"\(.state) [\(.inside)] \(.reason)\"" "$1"; }

# FILE WORDS ARG...: what the map says of a bare volume
expect_words() {
	local file=$1 want=$2
	shift 2
	expect_rc 0 salvor map --json "$@" "$file"
	[ "$(words "$WORK/out" 0)" = "$want" ] || fail "$(words "$WORK/out" 0), not $want"
}

make_volumes() {
	local kind=ext4
	make_corpus "$WORK/corpus" 100
	# blocks of 4 KiB for sectors of 4 KiB, then the other way round
	make_fs $kind "$WORK/home" $((80 * MIB)) 4096
	make_fs $kind "$WORK/data" $((60 * MIB)) 512
	make_fs $kind "$WORK/old" $((40 * MIB)) 512
	make_fs $kind "$WORK/boot" $((20 * MIB)) 512
	for name in home data old; do
		fill_fs $kind "$WORK/$name" fragmented "$WORK/corpus"
		fs_hash $kind "$WORK/$name" >"$WORK/$name.tree"
	done
	for name in home data old boot; do
		free_extents $kind "$WORK/$name" "$WORK/$name.free0"
	done
	to_luks2 "$WORK/home" "$WORK/key" --sector-size 4096
	to_luks2 "$WORK/data" "$WORK/key2" --sector-size 512 --cipher aes-cbc-essiv:sha256 --key-size 256
	to_luks1 "$WORK/old" cipher-alg=aes-256,cipher-mode=cbc,ivgen-alg=essiv,ivgen-hash-alg=sha256
	# as large as the partition it gets
	truncate -s %1M "$WORK/old.luks"
	old=$(($(cryptsetup luksDump "$WORK/old.luks" | awk '/Payload offset/ { print $3 }') * 512))
	shifted $LUKS2_HEADER $((96 * MIB)) <"$WORK/home.free0" >"$WORK/home.free"
	shifted $LUKS2_HEADER $((76 * MIB)) <"$WORK/data.free0" >"$WORK/data.free"
	shifted "$old" $(($(stat -c %s "$WORK/old.luks") - old)) <"$WORK/old.free0" >"$WORK/old.free"
	shifted 0 $((20 * MIB)) <"$WORK/boot.free0" >"$WORK/boot.free"
}

# the four, behind each other
make_disk() {
	local n start size name names=(- boot home data old)
	truncate -s 300M "$disk"
	printf '%s\n' 'label: gpt' 'start=2MiB, size=20MiB' 'size=112MiB' 'size=92MiB' \
		"size=$(($(stat -c %s "$WORK/old.luks") / MIB))MiB" | write_table "$disk" 512
	while read -r n start size; do
		name=${names[n]}
		put_in "$WORK/$name$([ "$n" -eq 1 ] || echo .luks)" "$disk" "$start"
		echo "$start $size $WORK/$name.free"
		echo "$n $start $size $name" >>"$WORK/list"
	done < <(list_partitions "$disk" 512) >"$WORK/parts"
	"$ORACLE" used "$(stat -c %s "$disk")" "$WORK/parts" >"$WORK/used"
}

note 'a disk with three encrypted volumes, made by QEMU and cryptsetup'
make_volumes
make_disk
size=$(stat -c %s "$disk")
sum=$(sha "$disk")

note 'locked: whole, in plain words'
expect_rc 0 salvor map --json "$disk"
[ "$(words "$WORK/out" 1)" = 'whole [null] LUKS2, locked: stored whole' ] || fail "$(words "$WORK/out" 1)"
[ "$(words "$WORK/out" 3)" = 'whole [null] LUKS1, locked: stored whole' ] || fail "$(words "$WORK/out" 3)"

note 'unlocked: what would be read is what the filesystems say'
# the second key ends with a newline, which cannot be typed: it is in a file
expect_rc 0 salvor map --json --unlock --key-file "$WORK/key2" "$disk" <"$WORK/key"
for n in 1 2 3; do
	words "$WORK/out" $n
	words "$WORK/out" $n | has -x 'exact \[LUKS[12], unlocked: ext4 inside\] null' || fail "partition $n"
done
expect_rc 0 salvor map --extents --unlock --key-file "$WORK/key2" "$disk" <"$WORK/key"
diff "$WORK/out" "$WORK/used" >"$WORK/diff" || fail "$(head -n 20 "$WORK/diff")"

note 'one key of two: the other volumes stay locked, with a warning'
expect_rc 0 salvor map --key-file "$WORK/key" "$disk"
has -x '  2: LUKS2, unlocked: ext4 inside' <"$WORK/out" || fail 'what is inside is not told'
has -E '^  3: LUKS2, locked: stored whole; no key opened it$' <"$WORK/out" || fail 'what stays locked is not told'
has '^Warning: LUKS2 volume .* no key opened it.$' <"$WORK/out" || fail 'there is no warning'

note 'wrong keys: 12, one sentence, and no trace of an image'
mkdir "$WORK/store"
refused() {
	local text=$1
	shift
	expect_rc 12 salvor "$@"
	expect_said "$text"
	[ "$(wc -l <"$WORK/err")" -eq 1 ] || fail "more than a sentence: $(cat "$WORK/err")"
	[ -z "$(ls "$WORK/store")" ] || fail "there is $(ls "$WORK/store")"
}
refused 'no key file opens an encrypted volume' save --key-file "$WORK/wrong" "$disk" "$WORK/store/image"
refused 'wrong passphrase for LUKS2 volume' save --unlock "$disk" "$WORK/store/image" < <(printf 'a\nb\nc\nd\n')
refused 'no passphrase was given' save --unlock "$disk" "$WORK/store/image" </dev/null
refused 'no key file opens' clone --key-file "$WORK/wrong" "$disk" "$WORK/store/clone"
refused 'no key file opens' map --key-file "$WORK/wrong" "$disk"
expect_rc 2 salvor map --key-file "$WORK/nothing" "$disk"
expect_said 'cannot open the key file'
expect_rc 0 salvor map --key-file "$WORK/wrong" --partitions 1 "$disk"
expect_rc 0 salvor map --key-file "$WORK/wrong" --whole "$disk"

note 'saved; neither the image nor what is said has the passphrases'
expect_rc 0 salvor save --preset fast --json --unlock --key-file "$WORK/key2" "$disk" "$WORK/image" <"$WORK/key"
unchanged "$disk" "$sum"
! grep -raF -e 'a long passphrase' -e 'another one' "$WORK/image" "$WORK/out" "$WORK/err" || fail 'it was written down'
has '^  partition 2: crypto_LUKS, .* exact, LUKS2, unlocked: ext4 inside$' <"$WORK/image/report.txt" || fail 'the report does not tell'

note 'restored onto 0xA5 without a key, opened with their own tools'
poison "$target" "$size"
expect_rc 0 salvor restore --free keep --confirm-erase "$size" "$WORK/image" "$target"
"$ORACLE" compare "$disk" "$target" "$WORK/used"
while read -r n start psize name; do
	[ "$n" -gt 1 ] || continue
	cut_out "$target" "$WORK/back" "$start" "$psize"
	case $name in
	old) from_luks1 "$WORK/back" ;;
	data) from_luks2 "$WORK/back" "$WORK/key2" ;;
	home) from_luks2 "$WORK/back" "$WORK/key" ;;
	esac
	check_fs ext4 "$WORK/back.plain"
	[ "$(fs_hash ext4 "$WORK/back.plain")" = "$(cat "$WORK/$name.tree")" ] || fail "the files of $name differ"
	rm -f "$WORK/back"*
done <"$WORK/list"

note 'cloned, and rescued: the same map'
rm -f "$target"
poison "$target" "$size"
expect_rc 0 salvor clone --free keep --key-file "$WORK/key2" --unlock --confirm-erase "$size" "$disk" "$target" <"$WORK/key"
"$ORACLE" compare "$disk" "$target" "$WORK/used"
poison "$target" "$size"
expect_rc 12 salvor rescue --domain used --confirm-erase "$size" --key-file "$WORK/wrong" "$disk" "$target" "$WORK/map"
expect_rc 0 salvor rescue --domain used --confirm-erase "$size" --key-file "$WORK/key2" --unlock "$disk" "$target" "$WORK/map" <"$WORK/key"
# it reads in clusters, thus a little more
while read -r start len; do
	cmp -n "$len" -i "$start" "$disk" "$target"
done <"$WORK/used"
rescued=0
while read -r _ len state; do
	[ "$state" != + ] || rescued=$((rescued + len))
done < <(grep '^0x.*0x' "$WORK/map")
[ "$rescued" -lt $((size * 3 / 4)) ] || fail "$rescued bytes of $size were rescued"
unchanged "$disk" "$sum"
rm -f "$target" "$disk"

note 'what cannot be looked into is whole, and why'
volume=$WORK/home.luks
hostile() {
	cp "$volume" "$WORK/hostile"
	"$LUKS_PY" "$WORK/hostile" "$1" "$2"
	expect_words "$WORK/hostile" "$3" --key-file "$WORK/key"
}
whole='whole [null] LUKS2, locked: stored whole;'
hostile keyslots.*.kdf.memory 2147483647 "$whole its key slot takes 2.2 TB of memory, which this machine lacks"
hostile segments.0.encryption '"serpent-xts-plain64"' "$whole its cipher serpent-xts-plain64 with a key of 512 bits is not known here"
hostile segments.0.offset '"9000000000000000000"' 'whole [null] its header says that it is larger than its volume'
hostile segments.0.size '"9000000000000000000"' 'whole [null] its header says that it is larger than its volume'
hostile config.requirements '{"mandatory":["nobody-knows"]}' "$whole its header requires a feature that is not known here"
hostile segments.1 '{"type":"crypt","offset":"33554432","size":"dynamic","iv_tweak":"0","encryption":"aes-xts-plain64","sector_size":512}' \
	"$whole its header is damaged or of an unknown kind"
cp "$volume" "$WORK/hostile"
cryptsetup reencrypt -q --init-only --key-file "$WORK/key" "${LUKS_COST[@]}" "$WORK/hostile"
expect_words "$WORK/hostile" "$whole it is being encrypted anew" --key-file "$WORK/key"
truncate -s $LUKS2_HEADER "$WORK/detached"
truncate -s 24M "$WORK/hostile"
cryptsetup luksFormat -q --type luks2 "${LUKS_COST[@]}" --header "$WORK/detached" --key-file "$WORK/key" "$WORK/hostile"
expect_words "$WORK/detached" "$whole its header belongs to data on another volume" --key-file "$WORK/key"
cp "$volume" "$WORK/hostile"
cryptsetup erase -q "$WORK/hostile"
expect_words "$WORK/hostile" "$whole it has no key slot that is in use" --key-file "$WORK/key"

note 'half of the first header is lost: the second one serves'
cp "$volume" "$WORK/hostile"
dd if=/dev/zero of="$WORK/hostile" bs=4096 seek=1 count=1 conv=notrunc status=none
expect_words "$WORK/hostile" 'exact [LUKS2, unlocked: ext4 inside] null' --key-file "$WORK/key"

note 'a save that was begun unlocked is not gone on with locked'
expect_rc 20 with_faults 'image.part/disk.img:w:0:0:I:1:1' "$SALVOR" save --preset fast --threads 1 --key-file "$WORK/key" \
	"$volume" "$WORK/store/image"
[ -d "$WORK/store/image.part" ] || fail 'the save was not interrupted'
expect_rc 6 salvor save --resume "$volume" "$WORK/store/image"
expect_said 'continue it with --unlock or --key-file'
expect_rc 0 salvor save --resume --json --key-file "$WORK/key" "$volume" "$WORK/store/image"
[ "$(jq -s '.[0].resumed_from' "$WORK/out")" -gt 0 ] || fail "it did not continue: $(head -n 1 "$WORK/out")"
