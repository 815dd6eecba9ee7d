#!/usr/bin/env bash
# kills-finish.sh - a save killed or stopped before every single write, sync and rename: the image is whole, or it can be continued
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: kills-finish.sh [all]    without "all" every fourth place before the finishing, and all of the finishing
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/faults.sh"
. "$(dirname "$0")/../lib/small-disk.sh"
requires mke2fs sfdisk jq zstd xz sha256sum python3

work_dir kills-finish
every=4
[ "${1:-}" != all ] || every=1
damage=$TOP/tests/lib/damage.py
disk=$WORK/disk store=$WORK/store
image=$store/img
mkdir "$store"
small_disk "$disk" 300

# the image is what an undisturbed run made, and nothing else is left
same_image() {
	[ "$("$damage" outcomes "$image")" = "$outcomes" ] || fail "$1: other frames, runs or digests"
	expect_rc 0 "$SALVOR" verify "$image" --against "$disk"
	(cd "$image" && sha256sum --quiet -c SHA256SUMS) || fail "$1: sha256sum -c"
	[ "$(ls -A "$store")" = img ] || fail "$1: left in the store: $(ls -A "$store")"
	[ "$(ls -A "$image")" = "$files" ] || fail "$1: other files: $(ls -A "$image")"
}

# WHAT: the image is whole already, or continuing completes it
whole_or_resumed() {
	whole=0
	if [ -e "$image" ]; then
		[ ! -e "$image.part" ] || fail "$1: both names stand"
		whole=1
	else
		expect_rc 0 "${save[@]}"
	fi
	same_image "$1"
	rm -rf -- "${image:?}"
}

# OP N OF: killed at the N-th operation of a kind, then stopped there
strike() {
	local op=$1 n=$2 what rc=0
	what="${save[*]:4}: $op number $n of $3"
	expect_rc 137 with_faults "$store:$op:0:0:K:$n:1" "${save[@]}"
	count=$((count + 1))
	whole_or_resumed "killed at $what"
	[ "$whole" -eq 0 ] || after=$((after + 1))
	with_faults "$store:$op:0:0:I:$n:1" "${save[@]}" >"$WORK/out" 2>"$WORK/err" || rc=$?
	# past the last place to stop at, a stop comes too late
	[ "$rc" -eq 20 ] || [ "$rc" -eq 0 ] || fail "stopped at $what: $rc, $(cat "$WORK/err")"
	[ "$rc" -eq 20 ] || [ -d "$image" ] || fail "stopped at $what: no image, but 0"
	stops=$((stops + (rc == 20)))
	whole_or_resumed "stopped at $what"
}

# OPTIONS...: every place of a save with them
places() {
	local op n of last
	save=("$SALVOR" save "$disk" "$image" --resume --threads 1 "$@")
	rm -f "$WORK/log"
	expect_rc 0 with_log "$WORK/log" "$store" "${save[@]}"
	outcomes=$("$damage" outcomes "$image") files=$(ls -A "$image")
	rm -rf -- "${image:?}"
	for op in w s n; do
		of=$(grep -c "^$op " "$WORK/log" || true)
		last=$((of > 10 ? of - 10 : 0))
		for ((n = 0; n < of; n++)); do
			[ "$n" -ge "$last" ] || [ $((n % every)) -eq 0 ] || continue
			strike "$op" "$n" "$of"
		done
	done
}

count=0 stops=0 after=0
places --preset fast
if [ "$every" -eq 1 ]; then
	places --preset fast --volume-size 300000 --no-verify
	places --codec xz --level 0
fi
note 'a store whose writes move nothing, and say so by no error'
for file in disk.idx disk.img.zst manifest.json; do
	rm -rf -- "${image:?}" "$image.part"
	expect_rc 8 with_faults "$file:w:0:0:Z" "$SALVOR" save "$disk" "$image" --preset fast
	[ ! -e "$image" ] || fail "an image, although nothing of $file is written"
done

# what was written is read again for its digest
note 'a store that takes the end of the index away while its digest is made'
save=("$SALVOR" save "$disk" "$image" --preset fast --threads 1)
rm -rf -- "$WORK/log" "${image:?}" "$image.part"
expect_rc 0 with_log "$WORK/log" "$store" "${save[@]}"
reads=$(grep -c '^r .*/disk.idx$' "$WORK/log")
for ((n = reads > 40 ? reads - 40 : 0; n < reads; n++)); do
	rm -rf -- "${image:?}" "$image.part"
	rc=0
	with_faults "disk.idx:r:0:0:Z:$n" "${save[@]}" >"$WORK/out" 2>"$WORK/err" || rc=$?
	[ ! -e "$image" ] || (cd "$image" && sha256sum --quiet -c SHA256SUMS) || fail "sha256sum -c, and the save said $rc"
	[ "$rc" -ne 0 ] || [ -e "$image" ] || fail 'no image, but 0'
done

[ "$after" -gt 0 ] || fail 'no kill came after the image was whole: the last places were not met'
[ "$stops" -gt 0 ] || fail 'nothing was ever stopped'
echo "$count kills and $stops stops, $after of them when the image was whole already"
