#!/usr/bin/env bash
# volumes.sh - a stream over volumes: odd sizes, more than a thousand of them, and a store that refuses large files
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A FAT store refuses a file of 4 GiB with EFBIG. This kernel may have no vfat driver, so EFBIG is injected here;
# real FAT stores are in tests/guest/.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/faults.sh"
work_dir volumes

disk=$WORK/disk.img
make_small_disk "$disk"
size=$(stat -c %s "$disk")

# IMAGE: all checks that need no knowledge of the volumes
whole() {
	local image=$1
	(cd "$image" && sha256sum --quiet -c SHA256SUMS) || fail 'sha256sum -c'
	cat "$image"/disk.img.zst* | zstd -dcq >"$WORK/raw"
	"$ORACLE" zeros "$disk" "$WORK/raw" "$WORK/used"
	cat "$image"/disk.img.zst* | zstd -tq || fail 'zstd -t'
	expect_rc 0 salvor verify "$image"
	poison "$WORK/target.img" "$size"
	expect_rc 0 salvor restore --confirm-erase "$size" "$image" "$WORK/target.img"
	"$ORACLE" compare "$disk" "$WORK/target.img" "$WORK/used"
	rm -f "$WORK/raw" "$WORK/target.img"
}

# IMAGE BYTES DIGITS: names, number and sizes of the volumes
shape() {
	local image=$1 bytes=$2 digits=$3 n=0 file
	[ ! -e "$image/disk.img.zst" ] || fail 'a stream of several volumes has no plain name'
	for file in "$image"/disk.img.zst.*; do
		[ "${file##*.}" = "$(printf "%0${digits}d" "$n")" ] || fail "volume $n is called ${file##*/}"
		n=$((n + 1))
		last=$file
		count=$n
	done
	for file in "$image"/disk.img.zst.*; do
		[ "$file" = "$last" ] || [ "$(stat -c %s "$file")" = "$bytes" ] ||
			fail "$file has $(stat -c %s "$file") bytes instead of $bytes"
	done
	[ "$(stat -c %s "$last")" -le "$bytes" ] || fail 'the last volume is too large'
}

note 'an odd size'
expect_rc 0 salvor save --preset fast --volume-size 1000003 "$disk" "$WORK/odd"
shape "$WORK/odd" 1000003 3
[ "$count" -gt 2 ] || fail 'not several volumes'
whole "$WORK/odd"

note 'one volume suffices: the plain name'
expect_rc 0 salvor save --preset fast --volume-size 1G "$disk" "$WORK/one"
[ -e "$WORK/one/disk.img.zst" ] || fail 'no disk.img.zst'
[ ! -e "$WORK/one/disk.img.zst.000" ] || fail 'disk.img.zst.000 was left'
whole "$WORK/one"

note 'more than a thousand volumes'
stored=$(stat -c %s "$WORK/one/disk.img.zst")
small=$((stored / 1300))
expect_rc 0 salvor save --preset fast --volume-size "$small" "$disk" "$WORK/many"
[ "$(find "$WORK/many" -name 'disk.img.zst.*' | wc -l)" -gt 1000 ] || fail 'not a thousand volumes'
first=$(find "$WORK/many" -name 'disk.img.zst.*0' | LC_ALL=C sort | sed -n 1p)
digits=${first##*.}
shape "$WORK/many" "$small" "${#digits}"
[ "${#digits}" -ge 4 ] || fail 'three digits for a thousand volumes'
whole "$WORK/many"

note 'a store that answers EFBIG'
limit=1536000
expect_rc 0 with_faults "efbig.part/disk.img.zst:w:$limit:0:L" "$SALVOR" save --preset fast --no-verify "$disk" "$WORK/efbig"
[ "$(find "$WORK/efbig" -name 'disk.img.zst.*' | wc -l)" -ge 2 ] || fail 'no second volume was opened'
[ "$(stat -c %s "$WORK/efbig/disk.img.zst.000")" -le "$limit" ] || fail 'the limit was not met'
whole "$WORK/efbig"

note 'a missing volume is damage, not success'
rm "$WORK/odd/disk.img.zst.001"
expect_rc 4 salvor verify "$WORK/odd"
