#!/usr/bin/env bash
# report-f2fs.sh - which files of an F2FS were hit: salvor report against dump.f2fs and fsck.f2fs
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [SEEDS=N] [SEED=N] report-f2fs.sh    N sets of bad places by chance on each volume (default 2), some of them in
# nodes, their table and summaries
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
requires mkfs.f2fs sload.f2fs dump.f2fs fsck.f2fs python3 jq

work_dir report-f2fs
cd "$WORK"
. "$TOP/tests/lib/report.sh"

python3 - "$seed" <<'END'
import os, random, sys
chance = random.Random(sys.argv[1])
for folder in ("many", "deep/ä ö/x/y/z", "日本語"):
    os.makedirs(f"tree/{folder}")
for i in range(300):
    with open(f"tree/many/a rather long name of a file, no. {i}", "wb") as f:
        f.write(chance.randbytes(chance.choice([10, 3000, 9000, 20000, 60000])))
for i in range(20):
    with open(f"tree/deep/ä ö/x/y/z/{i} ÿ", "wb") as f:
        f.write(chance.randbytes(i * 2500))
for name, size in (("large", 14 << 20), ("日本語/ファイル", 200000)):
    with open(f"tree/{name}", "wb") as f:
        f.write(chance.randbytes(size))
os.link("tree/large", "tree/deep/second name")
os.link("tree/many/a rather long name of a file, no. 7", "tree/日本語/七")
os.symlink("/" + "x" * 3000, "tree/deep/link")
END

# NAME SIZE mkfs-OPTION...; sload.f2fs complains of second names where fsck.f2fs finds nothing
f2fs_volume() {
	truncate -s "$2" "$1"
	mkfs.f2fs -q "${@:3}" "$1"
	sload.f2fs -f tree "$1" >sload.out 2>&1 || fsck.f2fs --dry-run "$1" >fsck.out || fail "$1: $(cat fsck.out)"
}

# IMAGE NAME: its inode; IMAGE INODE: the byte where that stands
inode_of() { echo $(($(fsck.f2fs --dry-run -t "$1" | sed -n "s/.*-- $2 <ino = \(0x[0-9a-f]*\)>.*/\1/p" | head -n 1))); }
byte_of() {
	dump.f2fs -n 0~2000 "$1" >dump.out
	echo $(($(sed -n "s/^nid: *$2\t.*blkaddr: *\([0-9]*\).*/\1/p" dump_nat) * 4096))
}

# IMAGE OFFSET: a number of blocks in the superblock, as bytes
area_of() { echo $(($(od -An -tu4 -j$((1024 + $2)) -N4 "$1") * 4096)); }

# IMAGE: as a crash leaves it, with checkpoints that do not say that it was unmounted
crash() {
	python3 - "$1" <<-'END'
		import struct, sys, zlib
		with open(sys.argv[1], "r+b") as f:
		    f.seek(1024 + 76)
		    cp = struct.unpack("<I", f.read(4))[0] * 4096
		    for pack in (cp, cp + 512 * 4096):
		        f.seek(pack + 136)
		        last = pack + (struct.unpack("<I", f.read(4))[0] - 1) * 4096
		        for at in (pack, last):
		            f.seek(at)
		            block = bytearray(f.read(4096))
		            block[132] = block[132] & ~1 | 0x20
		            struct.pack_into("<I", block, 4092, zlib.crc32(block[:4092], 0xf2f52010 ^ 0xffffffff) ^ 0xffffffff)
		            f.seek(at)
		            f.write(block)
	END
}

note 'places by chance'
f2fs_volume plain 160M
f2fs_volume extra 160M -O extra_attr,inode_checksum,inode_crtime,sb_checksum,flexible_inline_xattr
f2fs_volume wide 200M -i -s 2 -z 2 -O extra_attr,quota,lost_found,verity
for v in plain extra wide; do judge f2fs $v; done

note 'an inode, a folder, the superblocks, the checkpoints'
inode=$(inode_of plain '11 ÿ')
lose plain $(($(byte_of plain "$inode") + 512)) 512
look one.map plain
reported '.volumes[0] | .caution == null and (.files | length) == 1 and .files[0].losses[0].kind == "record"'
reported ".volumes[0].files[0] | .id == $inode and .paths == [\"/deep/ä ö/x/y/z/11 ÿ\"]"
lose plain "$(byte_of plain "$(inode_of plain many)")" 4096
look one.map plain
reported '.volumes[0].files | length == 1 and .[0].paths == ["/many"] and .[0].folder'
lose plain 0 4096
look one.map plain
reported '.volumes[0] | .fs == "f2fs" and .metadata == 4096 and .caution == null and .reason == null'
lose plain 0 8192
look one.map plain
reported '.volumes[0] | .reason != null and .unknown == 8192'
# of a checkpoint the end says the same as the head; then a newer one may be lost; then all are
cp=$(area_of plain 76)
lose plain "$cp" 4096
look one.map plain
reported '.volumes[0] | .metadata == 4096 and .caution == null'
lose plain "$cp" $((2 * MIB))
look one.map plain
reported '.volumes[0] | .metadata == 2097152 and (.caution | test("an older state"))'
lose plain "$cp" $((4 * MIB))
look one.map plain
reported '.volumes[0] | .reason != null and .unknown == 4194304'

note 'without any summary all nodes are asked'
ssa=$(area_of extra 88) end=$((ssa + $(area_of extra 68))) main=$(area_of extra 92) size=$(stat -c %s extra)
{
	echo '0x0 + 1'
	echo "0 $ssa +"
	echo "$ssa $((end - ssa)) -"
	echo "$end $((main - end)) +"
	for ((at = main; at < size; at += MIB / 2)); do printf '%d %d +\n%d 512 -\n' "$at" $((MIB / 2 - 512)) $((at + MIB / 2 - 512)); done
} >two.map
cp --sparse=always extra copy
"$owners" poison copy two.map
look two.map copy
"$owners" check f2fs extra two.map report || fail 'extra without summaries'
reported '.volumes[0].caution == null'

note 'not shut down cleanly'
cp --sparse=always plain crashed
crash crashed
"$owners" make f2fs crashed chance.map $((seed + 50)) 60
look chance.map crashed
reported '.volumes[0] | (.caution | test("not shut down cleanly|table of nodes")) and .in_files > 0'
