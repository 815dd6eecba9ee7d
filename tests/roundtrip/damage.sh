#!/usr/bin/env bash
# damage.sh - blows to every file of an image: verify finds and names each, restore never says 0, all other frames come back
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [BLOWS=N] damage.sh    N random places per file and kind of blow (default 2)
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/small-disk.sh"
requires mke2fs sfdisk python3

work_dir damage
disk=$WORK/disk
small_disk "$disk" 300
"$SALVOR" save "$disk" "$WORK/good" --no-verify --preset fast
"$SALVOR" map "$disk" --extents >"$WORK/used"
blows=${BLOWS:-2}
count=0
RANDOM=1

# FILE: a copy of the image in $WORK/img, whose FILE may be harmed (the others are links)
fresh() {
	rm -rf -- "$WORK/img" "$WORK/out.raw"
	cp -al "$WORK/good" "$WORK/img"
	cp --remove-destination "$WORK/good/$1" "$WORK/img/$1"
}

# verify must say 4 and name the file or a byte range; restore must not say 0; WHAT describes the blow
check_blow() {
	local what=$1 file=$2 rc=0
	"$SALVOR" verify "$WORK/img" >"$WORK/out" 2>"$WORK/err" || rc=$?
	[ "$rc" -eq 4 ] || fail "$what: verify said $rc: $(cat "$WORK/err")"
	grep -qE -e "${file//./\\.}" -e 'bytes [0-9]+ to [0-9]+' "$WORK/out" "$WORK/err" ||
		fail "$what: verify named neither the file nor the bytes: $(cat "$WORK/out" "$WORK/err")"
	rc=0
	"$SALVOR" restore "$WORK/img" "$WORK/out.raw" >"$WORK/out" 2>"$WORK/err" || rc=$?
	[ "$rc" -eq 4 ] || fail "$what: restore said $rc: $(cat "$WORK/err")"
	count=$((count + 1))
}

# at most this many MiB of the used data may differ after a restore of the harmed image
lost_at_most() {
	local what=$1 limit=$2 lost
	[ -e "$WORK/out.raw" ] || fail "$what: nothing was restored"
	lost=$(python3 - "$disk" "$WORK/out.raw" "$WORK/used" <<'PY'
import sys
a, b = open(sys.argv[1], "rb"), open(sys.argv[2], "rb")
lost = 0
for line in open(sys.argv[3]):
    start, length = map(int, line.split())
    a.seek(start), b.seek(start)
    while length:
        n = min(length, 4096)
        x, y = a.read(n), b.read(n)
        lost += n if x != y else 0
        length -= n
print(lost)
PY
	)
	[ "$lost" -le $((limit * MIB)) ] || fail "$what: $lost bytes are lost"
}

size_of() { stat -c %s "$1"; }
random_below() { echo $(((RANDOM * 32768 + RANDOM) % $1)); }

flip_at() {
	python3 -c 'import sys
f = open(sys.argv[1], "r+b"); f.seek(int(sys.argv[2])); b = f.read(1)[0]
f.seek(int(sys.argv[2])); f.write(bytes([b ^ 1 << int(sys.argv[3])]))' "$1" "$2" $((RANDOM % 8))
}

# zeros that are no change would be no blow
zero_at() {
	dd if=/dev/zero of="$1" bs=1 seek="$2" count=256 conv=notrunc status=none
	! cmp -s "$1" "$3"
}

for file in $(cd "$WORK/good" && ls); do
	size=$(size_of "$WORK/good/$file")
	places=(0 $((size - 1)))
	for ((i = 0; i < blows; i++)); do places+=("$(random_below "$size")"); done
	for at in "${places[@]}"; do
		fresh "$file"
		flip_at "$WORK/img/$file" "$at"
		check_blow "bit flipped at $at of $file" "$file"
		lost_at_most "bit flipped at $at of $file" 1
	done
	fresh "$file"
	truncate -s $((size * 2 / 3)) "$WORK/img/$file"
	check_blow "$file cut to two thirds" "$file"
	fresh "$file"
	echo rubbish >>"$WORK/img/$file"
	check_blow "rubbish behind $file" "$file"
	lost_at_most "rubbish behind $file" 0
	fresh "$file"
	at=$(random_below $((size > 256 ? size - 256 : 1)))
	if zero_at "$WORK/img/$file" "$at" "$WORK/good/$file"; then
		check_blow "zeros at $at of $file" "$file"
		lost_at_most "zeros at $at of $file" 2
	fi
	case $file in
	disk.img.*) continue ;;
	esac
	fresh "$file"
	rm "$WORK/img/$file"
	check_blow "$file lost" "$file"
	lost_at_most "$file lost" 0
done

note 'two pieces of the stream exchanged'
fresh disk.img.zst
python3 - "$WORK/img/disk.img.zst" <<'PY'
import sys
with open(sys.argv[1], "r+b") as f:
    data = bytearray(f.read())
    third = len(data) // 3
    data[third:third + 8192], data[2 * third:2 * third + 8192] = data[2 * third:2 * third + 8192], data[third:third + 8192]
    f.seek(0)
    f.write(data)
PY
check_blow 'two pieces exchanged' disk.img.zst
lost_at_most 'two pieces exchanged' 4

note 'index and manifest both lost: the stream alone'
fresh disk.idx
rm "$WORK/img/disk.idx" "$WORK/img/manifest.json"
check_blow 'index and manifest lost' disk.idx
lost_at_most 'index and manifest lost' 0
echo "$count blows, each found and named"
