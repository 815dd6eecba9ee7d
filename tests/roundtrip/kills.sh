#!/usr/bin/env bash
# kills.sh - saves killed at random places and continued each time from where they were: the same image as an undisturbed run
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [KILLS=N] [SEED=N] [MIBS=N] kills.sh    N kills (default 8, `make check-kills` has 50); SEED repeats a run
# Places are fractions of the undisturbed run's stored bytes, never of its time.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/faults.sh"
requires mke2fs sfdisk jq zstd xz sha256sum python3

work_dir kills
kills=${KILLS:-8} mibs=${MIBS:-256} seed=${SEED:-$$$RANDOM}
RANDOM=$((seed % 32768))
echo "SEED=$seed"
cleanup_fn echo "SEED=$seed" # again at the end, for whoever reads that of a failed run
damage=$TOP/tests/lib/damage.py
disk=$WORK/disk store=$WORK/store
image=$store/img
mkdir "$store"

# FILE MIBS: a GPT disk whose ext4 holds as much noise as text
big_disk() {
	local file=$1 mib=$2 tree=$WORK/tree
	mkdir "$tree"
	head -c $((mib * MIB * 2 / 5)) /dev/urandom >"$tree/noise.bin"
	{ seq -f 'line %.0f of a text that a compressor likes' 1 $((mib * 12000)) || true; } 2>/dev/null | head -c $((mib * MIB * 2 / 5)) >"$tree/text"
	truncate -s $(((mib - 2) * MIB)) "$WORK/vol"
	mke2fs -q -F -t ext4 -d "$tree" "$WORK/vol"
	truncate -s $((mib * MIB)) "$file"
	printf 'label: gpt\nstart=2048, size=%s\n' $(((mib - 2) * 2048)) | write_table "$file" 512
	put_in "$WORK/vol" "$file" "$MIB"
	rm -rf -- "${tree:?}" "$WORK/vol"
}

# FOLDER: the stream, decompressed
decompressed() {
	if [ -e "$1/disk.img.xz" ]; then
		xz -dc "$1/disk.img.xz"
	else
		cat "$1"/disk.img.zst* | zstd -dcq
	fi | sha256sum
}

size_of() { cat "$1"/disk.img* 2>/dev/null | wc -c; }

# what the index of the unfinished image has: that much is safe, and not more. A kill may lie before there is any.
recorded() {
	local n=0
	[ ! -e "$image.part/disk.idx" ] || n=$("$damage" frames "$image.part" | wc -l)
	[ $((n * frame)) -le "$disk_size" ] || { echo "$disk_size" && return; }
	echo $((n * frame))
}

# PLACE: wait until so many bytes are stored, and kill; false when the save was quicker
kill_at() {
	local place=$1 pid=$2
	while kill -0 "$pid" 2>/dev/null; do
		[ "$(size_of "$image.part")" -lt "$place" ] || break
		sleep 0.01
	done
	kill -KILL "$pid" 2>/dev/null
}

# PLACE: a run that is killed once so many bytes are stored, in one of several ways; sets $ended to 1 when it was quicker
killed_run() {
	local place=$1 pid rc=0
	ended=
	case $((RANDOM % 4)) in
	0 | 1) # with the write that passes the place
		[ "$name" != volumes ] || place=$((place % (40 * MIB)))
		with_faults "img.part/disk.img:w:$place:0:K:$((RANDOM % 3))" "${save[@]}" >"$WORK/out" 2>"$WORK/err" || rc=$?
		;;
	2) # at any instruction after it
		"${save[@]}" >"$WORK/out" 2>"$WORK/err" &
		pid=$!
		kill_at "$place" "$pid" || true
		{ wait "$pid"; } 2>/dev/null || rc=$?
		;;
	3) # soon after the start: while the source is compared and what is there is decoded again
		"${save[@]}" >"$WORK/out" 2>"$WORK/err" &
		pid=$!
		sleep "0.0$((RANDOM % 10))"
		kill -KILL "$pid" 2>/dev/null || true
		{ wait "$pid"; } 2>/dev/null || rc=$?
		;;
	esac
	# a kill between the last rename and the end comes too late as well
	[ "$rc" -ne 0 ] && [ ! -d "$image" ] || ended=1
	[ "$rc" -eq 0 ] || [ "$rc" -eq 137 ] || fail "a killed run ended with $rc: $(cat "$WORK/err")"
}

# WANT: if the run that ended said where it began, it began there
began_at() {
	local from
	from=$(jq -R -s 'split("\n") | map(fromjson? // empty) | map(select(.type == "start")) | .[0].resumed_from // empty' "$WORK/out")
	[ -z "$from" ] || [ "$from" -eq "$1" ] || fail "it resumed from $from, but $1 bytes were recorded"
	[ -n "$from" ]
}

# CALM NAME: the image is what an undisturbed run made, and nothing else is left
same_as() {
	[ "$(decompressed "$image")" = "$(cat "$WORK/$1.sha")" ] || fail 'another disk'
	[ "$("$damage" outcomes "$image")" = "$(cat "$WORK/$1.outcomes")" ] || fail 'other frames, runs or digests'
	expect_rc 0 "$SALVOR" verify "$image"
	(cd "$image" && sha256sum --quiet -c SHA256SUMS) || fail 'sha256sum -c'
	[ "$(ls -A "$store")" = img ] || fail "left in the store: $(ls -A "$store")"
	[ "$(ls -A "$image")" = "$(cat "$WORK/$1.files")" ] || fail "other files: $(ls -A "$image")"
}

# NAME OPTIONS...: an undisturbed run, and what it gave
calm() {
	local name=$1
	shift
	save=("$SALVOR" save "$disk" "$image" --resume --json "$@")
	expect_rc 0 "${save[@]}"
	decompressed "$image" >"$WORK/$name.sha"
	"$damage" outcomes "$image" >"$WORK/$name.outcomes"
	ls -A "$image" >"$WORK/$name.files"
	stored=$(size_of "$image")
	frame=$(jq .stream.frame_size "$image/manifest.json")
	rm -rf -- "${image:?}"
}

# NAME: a run that SIGINT stops; sets $ended when it was quicker, else $safe
stopped_run() {
	local rc=0
	with_faults "img.part/disk.img:w:0:0:I:$((1 + RANDOM % 5)):1" "${save[@]}" >"$WORK/out" 2>"$WORK/err" || rc=$?
	began_at "$safe" || fail 'no start line'
	[ "$rc" -ne 0 ] || { ended=1 && return; }
	[ "$rc" -eq 20 ] || fail "a stopped run ended with $rc: $(cat "$WORK/err")"
	safe=$(recorded)
	echo "$1: stopped by SIGINT, $safe bytes recorded"
}

# NAME N: one image, killed N times on its way; kills that came too late do not count
chain() {
	local name=$1 left=$2 place safe=0 places
	mapfile -t places < <(for ((i = 0; i < left; i++)); do echo $((stored * (RANDOM % 1000) / 1000)); done | sort -n)
	for place in "${places[@]}"; do
		killed_run "$place"
		began_at "$safe" || true
		[ -z "$ended" ] || break
		done_kills=$((done_kills + 1))
		[ "$(recorded)" -ge "$safe" ] || fail "less is recorded than before: $(recorded) of $safe bytes"
		safe=$(recorded)
		echo "$name: killed at $place of $stored stored bytes, $safe of $disk_size bytes recorded"
		[ $((RANDOM % 5)) -ne 0 ] || stopped_run "$name"
		[ -z "$ended" ] || break
	done
	[ -n "$ended" ] || {
		expect_rc 0 "${save[@]}"
		began_at "$safe" || fail 'no start line'
	}
	same_as "$name"
	rm -rf -- "${image:?}"
}

# NAME N PER-CHAIN: chains until N kills were met
chains() {
	local name=$1 want=$(($2 + done_kills)) per=$3
	while [ "$done_kills" -lt "$want" ]; do
		chain "$name" $((want - done_kills < per ? want - done_kills : per))
	done
}

done_kills=0
big_disk "$disk" "$mibs"
disk_size=$(stat -c %s "$disk")
note "zstd, $mibs MiB"
calm zst --preset fast --no-verify
chains zst $((kills * 6 / 10)) 6
note 'zstd in volumes'
calm volumes --preset fast --volume-size 40M --no-verify
chains volumes $((kills * 2 / 10)) 6
note 'xz'
rm "$disk"
big_disk "$disk" $((mibs / 3))
disk_size=$(stat -c %s "$disk")
calm xz --codec xz --level 0
chains xz $((kills - done_kills)) 5
echo "$done_kills kills, each continued from where it was"
