#!/usr/bin/env bash
# peers.sh - save and restore of one ext4 volume beside partclone | zstd, dd | zstd, qemu-img, fsarchiver and bare zstd
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [BUILD=build] [ROUNDS=2] [BENCH_FILES=DIR...] bench/peers.sh [MIB]
# All programs take turns on the same data in one run (A B A B), with a cold cache, and every result is synced. Figures are ratios to
# the first line of their table: machines are noisy, so ask for more ROUNDS rather than trust one.
set -eu -o pipefail
. "$(dirname "$0")/../tests/lib/functions.sh"
requires mke2fs partclone.extfs zstd python3

rounds=${ROUNDS:-2}
mib=${1:-1024}
read -ra sources <<<"${BENCH_FILES:-/usr/bin /usr/lib /usr/share}"
work_dir bench
cd "$WORK"

# a volume of twice the size of what is put in, so that there is free space to leave out
make_volume() {
	note "making an ext4 volume with up to $mib MiB of files of this machine"
	mkdir tree
	local dir left=$((mib * MIB)) size
	for dir in "${sources[@]}"; do
		[ "$left" -gt 0 ] || break
		size=$(du -sxb --apparent-size "$dir" | cut -f 1)
		if [ "$size" -le "$left" ]; then
			cp -rx --no-preserve=ownership "$dir" "tree/" 2>/dev/null || true
		else
			copy_some "$dir" "$left"
		fi
		left=$((left - size))
	done
	truncate -s $((2 * mib * MIB + 256 * MIB)) vol
	mke2fs -q -F -t ext4 -d tree vol
	rm -rf tree
}

# DIR BYTES: files of a folder, up to a number of bytes
copy_some() {
	find "$1" -xdev -type f -size +0 -printf '%s %p\n' | LC_ALL=C sort -k 2 | awk -v left="$2" '{
		left -= $1; if (left < 0) exit; sub(/^[0-9]+ /, ""); print }' | cpio -pdm --quiet tree 2>/dev/null || true
}

# TABLE NAME STORED COMMAND: one measured run; NAME's lines of all rounds are summed up by report
run() {
	local table=$1 name=$2 stored=$3 figures
	figures=$("$TOP/bench/measure.py" "$4" 2>"$WORK/log") || {
		cat "$WORK/log" >&2
		fail "$name"
	}
	# shellcheck disable=SC2086 # a glob of volumes
	echo "$name|$figures|$(cat $stored 2>/dev/null | wc -c)" >>"$table"
}

# TABLE: medians per program, and ratios to the first
report() {
	python3 - "$1" <<'PY'
import statistics, sys
rows = {}
for line in open(sys.argv[1]):
    name, figures, stored = line.rstrip("\n").split("|")
    wall, cpu, rss = figures.split()
    rows.setdefault(name, []).append((float(wall), float(cpu), int(rss) / 1024, int(stored)))
first = None
print(f"{'':<38}{'wall s':>8} {'(spread)':>11} {'CPU s':>8} {'RSS MiB':>8} {'stored':>12}   ratios: wall  CPU  stored")
for name, runs in rows.items():
    med = [statistics.median(column) for column in zip(*runs)]
    walls = [r[0] for r in runs]
    first = first or med
    ratio = lambda i: f"{med[i] / first[i]:6.2f}" if first[i] and med[i] else "     -"
    print(f"{name:<38}{med[0]:8.2f} {min(walls):5.2f}-{max(walls):5.2f} {med[1]:8.2f} {med[2]:8.0f} {med[3]:12.0f}         {ratio(0)}{ratio(1)}{ratio(3)}")
PY
}

save_round() {
	local t=save.table
	rm -rf -- img pc.zst dd.zst vol.qcow2 vol.fsa bare.zst
	run $t 'partclone.extfs -c | zstd -T2 -3' pc.zst 'partclone.extfs -q -c -s vol -o - -L pc.log 2>/dev/null | zstd -q -T2 -3 -o pc.zst'
	run $t 'salvor save --no-verify' 'img/disk.img.*' "'$SALVOR' save vol img --no-verify --progress=none"
	rm -rf -- img
	run $t 'salvor save --no-verify --threads 1' 'img/disk.img.*' "'$SALVOR' save vol img --no-verify --threads 1 --progress=none"
	rm -rf -- img
	run $t 'salvor save (verifies)' 'img/disk.img.*' "'$SALVOR' save vol img --progress=none"
	run $t 'zstd -3 (bare, one thread, whole disk)' bare.zst 'zstd -q -3 --single-thread -c vol >bare.zst'
	run $t 'dd | zstd -T2 -3' dd.zst 'dd if=vol bs=4M status=none | zstd -q -T2 -3 -o dd.zst'
	if command -v qemu-img >/dev/null; then
		run $t 'qemu-img convert -c (zstd)' vol.qcow2 'qemu-img convert -c -O qcow2 -o compression_type=zstd vol vol.qcow2'
	fi
	if command -v fsarchiver >/dev/null && have_loop; then
		attach_loop "$WORK/vol" 512
		run $t 'fsarchiver -Z3 -j2' vol.fsa "fsarchiver savefs -Z3 -j2 vol.fsa $LOOP -q"
		detach_loop "$LOOP"
	fi
}

restore_round() {
	local t=restore.table size
	size=$(stat -c %s vol)
	poison a "$size"
	run $t 'zstd -dc | partclone.restore' none 'zstd -q -dc pc.zst | partclone.restore -q -s - -o a -C -L pc.log 2>/dev/null'
	poison b "$size"
	run $t 'salvor restore --no-verify' none "'$SALVOR' restore img b --no-verify --progress=none --confirm-erase $size"
	poison b "$size"
	run $t 'salvor restore (reads back)' none "'$SALVOR' restore img b --progress=none --confirm-erase $size"
	run $t 'salvor verify' none "'$SALVOR' verify img --progress=none"
	rm -f a b
}

make_volume
for ((round = 1; round <= rounds; round++)); do
	note "round $round of $rounds"
	save_round
	restore_round
done
echo
echo "Save: $(dumpe2fs -h vol 2>/dev/null | awk -F: '/^Block count/ {c=$2} /^Free blocks/ {f=$2} /^Block size/ {b=$2} END {printf "%.0f MiB used of %.0f", (c-f)*b/1048576, c*b/1048576}') MiB"
report save.table
echo
echo 'Restore'
report restore.table
