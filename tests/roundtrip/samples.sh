#!/usr/bin/env bash
# samples.sh - images made once and for all: good ones are read, damaged and newer ones are told apart
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
requires zstd xz sha256sum python3
work_dir samples
samples=$TOP/tests/data/images
read -r want _ <"$samples/sample.raw.sha256"

# IMAGE: restored, it is the disk that was saved
same_disk() {
	rm -f "$WORK/disk"
	"$SALVOR" restore "$1" "$WORK/disk" >/dev/null 2>&1 || [ "$2" -ne 0 ] || fail "$1 cannot be restored"
	[ "$(sha256sum <"$WORK/disk" | cut -d ' ' -f 1)" = "$want" ] || fail "$1 restored is another disk"
}

note 'good ones'
for image in zstd xz volumes; do
	expect_rc 0 "$SALVOR" verify "$samples/$image"
	same_disk "$samples/$image" 0
	expect_rc 0 "$SALVOR" show "$samples/$image"
	"$TOP/tests/lib/read-image.py" "$samples/$image" || fail "$image is not as specified"
done
for image in zstd volumes; do
	[ "$(cat "$samples/$image"/disk.img.zst* | zstd -dcq | sha256sum | cut -d ' ' -f 1)" = "$want" ] ||
		fail "zstd -dc of $image gives another disk"
done
[ "$(xz -dc "$samples/xz/disk.img.xz" | sha256sum | cut -d ' ' -f 1)" = "$want" ] ||
	fail 'xz -dc gives another disk'

note 'what is written today is as docs/image-format.md has it'
head -c 3000000 /dev/urandom >"$WORK/new.raw"
truncate -s 9M "$WORK/new.raw"
expect_rc 0 "$SALVOR" save --preset fast "$WORK/new.raw" "$WORK/new"
"$TOP/tests/lib/read-image.py" "$WORK/new" || fail 'a new .zst image is not as specified'
expect_rc 0 "$SALVOR" save --codec xz --level 0 "$WORK/new.raw" "$WORK/new-xz"
"$TOP/tests/lib/read-image.py" "$WORK/new-xz" || fail 'a new .xz image is not as specified'

note 'of a newer version: 13, and never written anywhere'
expect_rc 13 "$SALVOR" verify "$samples/newer"
expect_rc 13 "$SALVOR" restore "$samples/newer" "$WORK/newer.img"
[ ! -e "$WORK/newer.img" ] || fail 'a target was made for an image that cannot be read'

note 'damaged: 4; what is whole is restored'
for image in bad-frame bad-index bad-table; do
	expect_rc 4 "$SALVOR" verify "$samples/$image"
	rm -f "$WORK/disk"
	expect_rc 4 "$SALVOR" restore "$samples/$image" "$WORK/disk"
done
for image in bad-index bad-table; do
	same_disk "$samples/$image" 4
done

note 'a stream alone'
cp "$samples/zstd/disk.img.zst" "$WORK/alone.zst"
expect_rc 0 "$SALVOR" show "$WORK/alone.zst"
same_disk "$WORK/alone.zst" 0
