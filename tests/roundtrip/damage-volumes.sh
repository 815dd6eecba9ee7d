#!/usr/bin/env bash
# damage-volumes.sh - volumes lost, cut, exchanged, harmed: named, never a success, and the frames in the others come back
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [BLOWS=N] damage-volumes.sh    N random places per volume and kind of blow (default 1)
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/small-disk.sh"
. "$(dirname "$0")/../lib/blows.sh"
requires mke2fs sfdisk python3

work_dir damage-volumes
disk=$WORK/disk volume_size=150001
small_disk "$disk" 400
"$SALVOR" map "$disk" --extents >"$WORK/used"
RANDOM=2

# IMAGE CODEC EXTENSION: all blows to its volumes
volumes_of() {
	local good=$1 stream=disk.img.$2 n last from size name side
	last=$(find "$good" -name "$stream.*" | wc -l)
	last=$((last - 1))
	[ "$last" -ge 3 ] || fail "only $((last + 1)) volumes"
	for n in 0 $((last / 2)) "$last"; do
		name=$stream.$(printf %03d "$n")
		from=$((n * volume_size)) size=$(size_of "$good/$name")
		blows_to "$good" "$name" "${BLOWS:-1}"

		fresh "$good"
		rm "$WORK/img/$name"
		check_blow "$name missing" "$name"
		grep -q "$name" "$WORK/verify.out" "$WORK/verify.err" || fail "verify does not name $name, which is missing"
		lost_only_there "$name missing" "$good" "$from" $((from + size))

		fresh "$good" "$name"
		truncate -s $((size / 2)) "$WORK/img/$name"
		check_blow "$name cut in half" "$name"
		lost_only_there "$name cut in half" "$good" $((from + size / 2)) $((from + size))

		# what stands where is then known from less; the last one had the table of frames
		for side in manifest.json disk.idx; do
			[ "$side$n" != "disk.idx$last" ] || continue
			fresh "$good"
			rm "$WORK/img/$name" "$WORK/img/$side"
			check_blow "$name and $side missing" "$name"
			lost_only_there "$name and $side missing" "$good" "$from" $((from + size))
		done
	done

	note 'two volumes exchanged'
	fresh "$good" "$stream.001" "$stream.002"
	mv "$WORK/img/$stream.001" "$WORK/img/aside"
	mv "$WORK/img/$stream.002" "$WORK/img/$stream.001"
	mv "$WORK/img/aside" "$WORK/img/$stream.002"
	check_blow 'two volumes exchanged' "$stream.001"
	lost_only_there 'two volumes exchanged' "$good" "$volume_size" $((3 * volume_size))

	note 'all but one missing'
	fresh "$good"
	find "$WORK/img" -name "$stream.*" ! -name "$stream.002" -delete
	check_blow 'all volumes but one missing' "$stream"

	note 'one too many'
	fresh "$good"
	echo rubbish >"$WORK/img/$stream.$(printf %03d $((last + 1)))"
	check_blow 'one volume too many' "$stream.$(printf %03d $((last + 1)))"
	lost_at_most 'one volume too many' 0
}

"$SALVOR" save "$disk" "$WORK/zst" --no-verify --preset fast --volume-size $volume_size
volumes_of "$WORK/zst" zst
"$SALVOR" save "$disk" "$WORK/xz" --no-verify --codec xz --level 0 --volume-size $volume_size
frame_mib=8
volumes_of "$WORK/xz" xz
echo "$count blows, each found and named"
