#!/usr/bin/env bash
# report-files.sh - which files were hit: salvor report against debugfs, xfs_db, btrfs, ntfscluster, mtools and sleuthkit
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [SEEDS=N] [SEED=N] report-files.sh    N sets of bad places by chance on each volume (default 2), the same each
# time unless SEED says otherwise
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
requires mke2fs debugfs dumpe2fs e2fsck mkntfs ntfscluster mkfs.fat mcopy mshowfat fls blkls fsstat python3 jq

work_dir report-files
cd "$WORK"
. "$TOP/tests/lib/report.sh"

python3 - "$seed" <<'END'
import os, random, sys
chance = random.Random(sys.argv[1])
for i in range(1200):
    folder = f"tree/folder {i % 40}/e{i % 7}"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/a file, {i}.bin", "wb") as f:
        f.write(chance.randbytes(chance.choice([100, 3000, 9000, 20000, 60000])))
END
head -c $((8 * MIB)) /dev/urandom >large
head -c 300 /dev/urandom >attribute
head -c 30 /dev/urandom >tiny

# every third file goes, and what comes then lies in the gaps
{
	find tree -name '*[258].bin' | sed 's/^tree\(.*\)/rm "\1"/'
	cat <<-END
		write large large.bin
		write large larger.bin
		mkdir inside
		write tiny inside/tiny
		ea_set "folder 0/e6/a file, 160.bin" user.x -f attribute
		ea_set "folder 0/e6/a file, 160.bin" user.y -f attribute
		ln "folder 0/e6/a file, 160.bin" "folder 1/second name"
		symlink long /$(printf 'x%.0s' {1..100})
	END
} >commands

# NAME SIZE mke2fs-OPTION...
ext_volume() {
	truncate -s "$2" "$1"
	mke2fs -q -F -d tree "${@:3}" "$1" 2>/dev/null
	debugfs -w -f commands "$1" >/dev/null 2>&1
	e2fsck -fy "$1" >/dev/null 2>&1 || [ $? -eq 1 ] || fail "$1 is not well"
}

# BITS NAME SIZE mkfs-OPTION...
fat_volume() {
	truncate -s "$3" "$2"
	mkfs.fat -F "$1" "${@:4}" "$2" >/dev/null
	if [ "$1" -eq 12 ]; then
		mcopy -s -i "$2" 'tree/folder 0' 'tree/folder 1' ::
	else
		mcopy -s -i "$2" tree/* ::
	fi
	{ mdir -/ -b -i "$2" :: | grep '[258].bin' || true; } | tr '\n' '\0' | xargs -0 -r mdel -i "$2"
	head -c $(($1 == 12 ? 300000 : 8000000)) large | mcopy -i "$2" - ::large.bin
}

# in chains and in one piece, with gaps where files were deleted
exfat_volume() {
	truncate -s 12M exfat
	mkfs.exfat -c 4096 exfat >/dev/null
	mkdir filled
	"$TOP/tests/lib/exfat-fill.py" exfat filled 160
}

# NAME SIZE OPTION...: in pieces that the extents file tells of, with resource forks, attributes, files and a folder with
# several names
hfsplus_volume() {
	if [ ! -d few ]; then
		mkdir few
		cp -r 'tree/folder 0' 'tree/folder 1' few
		head -c 1000000 large >few/large.bin
	fi
	"$TOP/tests/lib/hfsplus-make.py" "$1" "$2" --files few --scatter --rich "${@:3}"
	"$TOP/tests/lib/hfsplus-check.py" "$1" || fail "$1 is not well"
}

# IMAGE NAME: the number of that file
hfsplus_number() { fls -f hfs -rp "$1" | sed -n "s|^r/r \([0-9]*\):.$2\$|\1|p"; }

# IMAGE START LENGTH: lost, and judged
hfsplus_lose() {
	lose "$@"
	cp --sparse=always "$1" copy
	"$owners" poison copy one.map
	look one.map copy
	"$owners" check hfsplus "$1" one.map report || fail "$1 without $3 bytes at $2"
}

# IMAGE: what tells is lost
hfsplus_trees() {
	local number start length places=$TOP/tests/lib/owners_hfs.py
	note "$1: leaves of the catalog, of the extents file and of attributes; the headers"
	number=$(hfsplus_number "$1" large.bin)
	read -r start length <<<"$("$places" record "$1" "$number")"
	hfsplus_lose "$1" "$start" "$length"
	reported ".volumes[0].files | any(.id == $number and .paths == [\"/large.bin\"] and .losses[0].kind == \"record\")"
	reported ".volumes[0] | .in_files == $length and .unknown == 0 and (.caution | test(\"catalog is lost in part\"))"
	read -r start length <<<"$("$places" places "$1" | sed -n 1p)"
	hfsplus_lose "$1" "$start" "$length"
	reported '.volumes[0].files | length > 0 and all(.[]; .losses[0].kind == "map")'
	read -r start length <<<"$("$places" places "$1" | tail -n 1)"
	hfsplus_lose "$1" "$start" "$length"
	reported '.volumes[0].files | length > 0 and all(.[]; .losses[0].kind == "attributes")'
	note 'HFS+, made by macOS: all that files have'
	xz -dc "$TOP/tests/data/foreign/macos.hfsplus.xz" >macos
	read -r start length <<<"$("$places" contents macos)"
	hfsplus_lose macos "$start" "$length"
	reported ".volumes[0] | .in_files == $length and .caution == null"
	# of the headers another one is enough, but for whether it was unmounted
	lose "$1" 0 4096
	look one.map "$1"
	reported '.volumes[0] | .fs == "hfsplus" and .metadata == 4096 and (.caution | test("header is lost"))'
	lose "$1" $(($(stat -c %s "$1") - 1024)) 512
	look one.map "$1"
	reported '.volumes[0] | .metadata == 512 and .caution == null'
}

ntfs_volume() {
	truncate -s 64M ntfs
	mkntfs -q -F -f -c 4096 ntfs 2>/dev/null
	ntfs_mount ntfs mnt rw,streams_interface=windows,compression
	cp -r tree/* mnt
	find mnt -name '*[258].bin' -delete
	cp large mnt/large.bin
	mkdir mnt/packed
	python3 -c 'import os; os.setxattr("mnt/packed", "system.ntfs_attrib", b"\x00\x08\x00\x00")'
	{
		seq 50000
		head -c 300000 large
	} >mnt/packed/packed.bin
	echo main >mnt/two
	head -c 70000 large >'mnt/two:second'
	ln "mnt/folder 0/e6/a file, 160.bin" "mnt/folder 1/second name"
	ntfs_umount mnt
}

# NAME mkfs-OPTION...: without a mount; every second file goes, and xfs_repair makes the trees anew
xfs_plain_volume() {
	local n
	truncate -s 40M "$1"
	{
		printf 'boot\n0 0\nd--755 0 0\n'
		for n in $(seq 300); do
			[ $((n % 50)) -ne 1 ] || printf '%s\nfolder%s d--755 0 0\n' "$([ "$n" -eq 1 ] || echo '$')" "$n"
			echo "file$n ---644 0 0 plain/$n.bin"
		done
		printf 'link l--777 0 0 somewhere\n$\nbig ---644 0 0 large\n$\n'
	} >proto
	mkdir -p plain
	for n in $(seq 300); do cp "tree/folder $((n % 40))/e$((n % 7))/a file, $n.bin" "plain/$n.bin"; done
	mkfs.xfs -q -f --unsupported -p proto "${@:2}" "$1" >mkfs.out 2>&1 || fail "mkfs.xfs: $(cat mkfs.out)"
	for n in $(seq 1 50 300); do printf 'path /folder%s\nls\n' "$n"; done | xfs_db -r -f "$1" |
		sed -n 's/^[^0-9]*[0-9]* *\([0-9]*\) .* file[0-9]*[02468] (good)$/inode \1\nwrite core.mode 0/p' >gone
	[ -s gone ] || fail "no file of $1 goes"
	xfs_db -x -f "$1" <gone >gone.out
	xfs_repair -f -o force_geometry "$1" >repair.out 2>&1 || fail "xfs_repair: $(cat repair.out)"
}

# NAME SIZE mkfs-OPTION...: version 5, by the kernel: gaps, shared blocks, lists that are trees, stretches that were
# never written, attributes and links outside of their inodes, a folder with an index
xfs_volume() {
	truncate -s "$2" "$1"
	mkfs.xfs -q -f --unsupported "${@:3}" "$1" >mkfs.out 2>&1 || fail "mkfs.xfs: $(cat mkfs.out)"
	loop_mount xfs "$1" mnt rw
	cp -r tree/* mnt
	find mnt -name '*[258].bin' -delete
	cp large mnt/large.bin
	cp --reflink=always mnt/large.bin mnt/shared.bin
	xfs_io -f -c 'falloc 0 400k' -c 'pwrite -q 100k 50k' -c 'falloc -k 400k 100k' mnt/unwritten.bin
	ln "mnt/folder 0/e6/a file, 160.bin" "mnt/folder 1/second name"
	python3 - mnt <<-'END'
		import os, sys
		os.chdir(sys.argv[1])
		for name, step in (("pieces.bin", 2), ("holes.bin", 3)):
		    with open(name, "wb") as f:
		        for i in range(900):
		            os.pwrite(f.fileno(), b"x" * 4096, i * step * 4096)
		for i in range(20):
		    os.symlink("x" * 900, f"{i}.link")
		    os.setxattr("pieces.bin", f"user.{i}", b"y" * (40 << i // 2))
		os.mkdir("many")
		for i in range(1500):
		    open(f"many/{'a long name, ' * 4}{i}", "wb").close()
		for i in range(0, 1500, 3):
		    os.unlink(f"many/{'a long name, ' * 4}{i}")
	END
	loop_umount mnt
}

# IMAGE FIELD: of its superblock
xfs_sb() { xfs_db -r -f -c 'sb 0' -c "p $2" "$1" | sed 's/.* //'; }

# IMAGE PATH: a lost inode is named by its folder; what else knows what lost headers said
xfs_headers() {
	local bs group size inode at
	bs=$(xfs_sb "$1" blocksize) group=$(($(xfs_sb "$1" agblocks) * bs)) size=$(stat -c %s "$1")
	note "$1: an inode; the superblock, the first headers, those of a group's inodes"
	inode=$(xfs_db -r -f -c "path $2" -c inode "$1" | sed -n 's/.*inode number is \([0-9]*\).*/\1/p')
	at=$(xfs_db -r -f -c "convert inode $inode byte" "$1" | sed 's/.*(\(.*\))/\1/')
	lose "$1" $((at / 512 * 512)) 512
	look one.map "$1"
	reported ".volumes[0].files | any(.id == $inode and .paths == [\"$2\"] and .losses[0].kind == \"record\")"
	lose "$1" 0 512
	look one.map "$1"
	reported '.volumes[0] | .fs == "xfs" and .metadata == 512 and .unknown == 0 and .caution == null'
	lose "$1" 0 2048
	look one.map "$1"
	reported ".volumes[0] | .fs == \"xfs\" and .metadata == 2048 and (.caution | test(\"of group 0 is lost\"))"
	# sector 2 of group 1 is its header of inodes; and some of what these own
	{
		echo '0x0 + 1'
		echo "0 $((group + 1024)) +"
		echo "$((group + 1024)) 512 -"
		echo "$((group + 1536)) 65536 +"
		echo "$((group + 67072)) 4000256 -"
		echo "$((group + 4067328)) $((size - group - 4067328)) +"
	} >two.map
	cp --sparse=always "$1" copy
	"$owners" poison copy two.map
	look two.map copy
	reported '.volumes[0].caution | test("of group 1 is lost")'
	"$owners" check xfs "$1" two.map report || fail "$1 without a header of inodes"
}

# IMAGE PATH bmap-OPTION KIND: its first block is lost, and that is what it was
xfs_block() {
	local block
	block=$(xfs_db -r -f -c "path $2" -c "bmap $3" "$1" | sed -n '1s/.*startblock \([0-9]*\) .*/\1/p')
	block=$(xfs_db -r -f -c "convert fsblock $block byte" "$1" | sed 's/.*(\(.*\))/\1/')
	lose "$1" "$block" 512
	look one.map "$1"
	reported ".volumes[0].files | length == 1 and .[0].paths == [\"$2\"] and .[0].losses[0].kind == \"$4\""
}

# IMAGE: one that is in use is told with a caution, and nothing is called free that its log may use
xfs_unclean() {
	note "$1: not shut down cleanly"
	loop_mount xfs "$1" mnt rw
	head -c 500000 /dev/urandom >mnt/new.bin
	rm -f mnt/large.bin
	xfs_io -x -c 'shutdown -f' mnt
	loop_umount mnt
	"$owners" make xfs "$1" chance.map $((seed + 99)) 200
	look chance.map "$1"
	reported '.volumes[0].caution | test("not shut down cleanly")'
}

# NAME SIZE MKFS-OPTIONS: shared by snapshots and copies, packed, reserved, without checksums, overwritten in part
btrfs_volume() {
	local dir=mnt-btrfs i
	truncate -s "$2" "$1"
	# shellcheck disable=SC2086 # options are several words
	mkfs.btrfs -q $3 "$1" >/dev/null
	btrfs_mount "$1" "$dir" rw
	cp -r tree/*\ ? tree/*\ 2? "$dir"
	btrfs -q subvolume create "$dir/home"
	btrfs -q subvolume create "$dir/home/inner"
	cp -r 'tree/folder 1' 'tree/folder 2' "$dir/home"
	cp large "$dir/home/inner/large.bin"
	head -c 4M large >"$dir/worn"
	sync -f "$dir"
	head -c 3M large | dd of="$dir/worn" bs=4k seek=100 conv=notrunc status=none
	btrfs -q subvolume snapshot "$dir/home" "$dir/kept"
	btrfs -q subvolume snapshot -r "$dir" "$dir/folder 3/all"
	find "$dir" -maxdepth 3 -name '*[258].bin' -not -path '*/all/*' -delete
	cp --reflink=always "$dir/home/inner/large.bin" "$dir/twin.bin"
	for i in 3 40 41 700; do dd if=large of="$dir/twin.bin" bs=4k count=2 seek=$i conv=notrunc status=none; done
	mkdir "$dir/packed" "$dir/plain"
	chattr +c "$dir/packed" && chattr +C "$dir/plain"
	seq 200000 >"$dir/packed/numbers"
	{ seq 30000 && head -c 300000 large; } >"$dir/packed/mixed"
	head -c 3000000 large >"$dir/plain/no-sums"
	fallocate -l 1M "$dir/reserved"
	dd if=large of="$dir/reserved" bs=4k count=5 seek=50 conv=notrunc status=none
	ln "$dir/plain/no-sums" "$dir/folder 1/second name"
	# more names than fit one item, where the volume takes so many
	for i in {1..300}; do ln "$dir/twin.bin" "$dir/plain/a rather long name of the same file $i" 2>/dev/null || break; done
	setfattr -n user.x -v "$(head -c 2000 /dev/zero | tr '\0' x)" "$dir/home/folder 1" 2>/dev/null || true
	sync -f "$dir"
	btrfs_umount "$dir"
}

# IMAGE COPY: copied in full flight, with a file that only the log has
btrfs_in_flight() {
	local dir=mnt-btrfs
	btrfs_mount "$1" "$dir" commit=300
	head -c 30000 large >"$dir/home/of before"
	sync -f "$dir"
	seq -f 'a line that is only in the log: %g' 1200 | dd of="$dir/home/logged" conv=fsync status=none
	cp --sparse=always "$1" "$2"
	btrfs_umount "$dir"
}

# NAME SIZE OPTION...: of apfs-fill.py, which makes what apfsck finds nothing wrong with
apfs_volume() {
	truncate -s "$2" "$1"
	mkapfs -L label "$1"
	"$TOP/tests/lib/apfs-fill.py" "$1" "${@:3}"
	apfsck -cuw "$1" || fail "$1 is not what apfsck takes for a container"
}

# IMAGE BLOCK FILTER: that block is lost
apfs_lost() {
	lose "$1" $(($2 * 4096)) 4096
	look one.map "$1"
	reported "$3"
}

# IMAGE: its first block has copies in the ring; what holds the rest together is missed
apfs_places() {
	local volume omap stream
	volume=$(pstat "$1" | sed -n 's/.*APSB Block Number: //p' | head -n 1)
	omap=$(od -An -tu8 -j$((volume * 4096 + 128)) -N8 "$1" | tr -d ' ')
	apfs_lost "$1" 0 '.volumes[0] | .fs == "apfs" and .metadata == 4096 and .unknown == 0 and .caution == null'
	# the checkpoint itself: its copy at the start is as good as long as what it was written over is not newer
	apfs_lost "$1" 2 '.volumes[0] | .fs == "apfs" and .metadata == 4096 and .caution == null'
	apfs_lost "$1" "$volume" '.volumes[0] | .metadata == 4096 and (.caution | test("superblock of a volume is lost"))'
	apfs_lost "$1" "$omap" '.volumes[0] | .metadata == 4096 and (.caution | test("object map is lost"))'
	# a file's streams, links and twins
	stream=$(jq -r '[.[] | select(.[1] == "com.apple.ResourceFork")][0][2][3]' "$1.streams")
	apfs_lost "$1" "$stream" '.volumes[0].files | length == 1 and (.[0].paths | length == 3) and
		.[0].losses == [.[0].losses[] | select(.stream == "com.apple.ResourceFork" and .start == 12288)]'
	stream=$(istat -P apfs -B "$volume" "$1" "$(fls -P apfs -B "$volume" -rp "$1" | sed -n 's/^... \([0-9]*\):.*begins as first$/\1/p')" |
		sed -n '/DATA/{n;s/ .*//p}')
	apfs_lost "$1" "$stream" '.volumes[0].files | map(.paths[0] | sub(".*/"; "")) | sort == ["begins as first", "first", "twin of first"]'
}

# one that macOS made is so small that chance hits nothing but its head: each block of each file
apfs_macos() {
	local block n=0
	note 'APFS of macOS'
	xz -dc "$TOP/tests/data/foreign/macos.apfs.xz" >macos
	lose macos 0 4096
	look one.map macos
	reported '.volumes[0] | .metadata == 4096 and .caution == null'
	"$owners" check apfs macos one.map report >/dev/null 2>&1 || true # that is when it asks istat
	for block in $(jq '[.[][2][] | select(. > 0)] | unique[]' macos.streams); do
		lose macos $((block * 4096)) 4096
		look one.map macos
		reported '.volumes[0] | .caution == null and .unknown == 0'
		"$owners" check apfs macos one.map report || fail "APFS of macOS without block $block"
		n=$((n + 1))
	done
	[ "$n" -ge 5 ] || fail 'files are missing to istat'
}

# IMAGE TEXT: place of the sector where it stands first
sector_of() { echo $(($(grep -obUa -m 1 "$2" "$1" | sed -n 's/:.*//;1p') / 512 * 512)); }

note 'ext2, ext3, ext4'
ext_volume ext2 40M -t ext2 -b 1024
ext_volume ext3 48M -t ext3 -b 1024
ext_volume ext4 96M -t ext4 -b 4096
ext_volume inline 64M -t ext4 -b 1024 -I 256 -O inline_data,metadata_csum,ea_inode
ext_volume meta_bg 64M -t ext4 -b 2048 -O meta_bg,^resize_inode
for v in ext2 ext3 ext4 inline meta_bg; do judge ext $v; done

note 'ext4: an inode, the first superblock and descriptors, a bitmap, attributes, an inline folder'
where=$(debugfs -R 'imap "/folder 3/e2/a file, 443.bin"' ext4 2>/dev/null)
block=$(sed -n 's/.*at block \([0-9]*\),.*/\1/p' <<<"$where") off=$((16#$(sed -n 's/.*offset 0x//p' <<<"$where")))
lose ext4 $(((block * 4096 + off) / 512 * 512)) 512
look one.map ext4
reported '.volumes[0].files | any(.paths == ["/folder 3/e2/a file, 443.bin"] and .losses[0].kind == "record")'
block=$(debugfs -R 'bmap large.bin 7' ext3 2>/dev/null)
{
	echo '0x0 + 1'
	echo '0 0x2000 -'
	echo "0x2000 $((block * 1024 - 0x2000)) +"
	echo "$((block * 1024)) 1024 -"
	echo "$(((block + 1) * 1024)) $((48 * MIB - (block + 1) * 1024)) +"
} >two.map
look two.map ext3
reported '.volumes[0].files == [.volumes[0].files[] | select(.paths == ["/large.bin"] and .losses[0].start == 7168)]'
reported '.volumes[0].metadata == 8192 and .volumes[0].unknown == 0'
block=$(debugfs -R 'stat "/folder 0/e6/a file, 160.bin"' ext4 2>/dev/null | sed -n 's/.*File ACL: \([0-9]*\).*/\1/p')
lose ext4 $((block * 4096)) 4096
look one.map ext4
reported '.volumes[0].files | length == 1 and (.[0].paths | length == 2) and .[0].losses[0].kind == "attributes"'

note 'FAT12, FAT16, FAT32'
fat_volume 12 fat12 2M -s 1
fat_volume 16 fat16 96M -s 4
fat_volume 32 fat32 96M -s 1
for v in fat12 fat16 fat32; do judge $v $v; done
# the boot sector of FAT32 has a copy, and one copy of the FAT is enough
lose fat32 0 512
look one.map fat32
reported '.volumes[0] | .fs == "vfat" and .metadata == 512 and .caution == null'
lose fat16 1024 20480
look one.map fat16
reported '.volumes[0] | .metadata == 20480 and .caution == null and (.files | length) == 0'

note exFAT
if command -v mkfs.exfat istat >/dev/null; then
	exfat_volume
	judge exfat exfat
	# the boot region has a copy
	lose exfat 0 512
	look one.map exfat
	reported '.volumes[0] | .fs == "exfat" and .metadata == 512 and .caution == null'
	# where a chain goes on stands in the FAT alone; a file in one piece needs none
	lose exfat $((2048 * 512)) 4096
	look one.map exfat
	reported '.volumes[0].files | length > 0 and all(.[]; .losses[0].kind == "map" or .losses[0].kind == "entries")'
else
	echo 'exFAT is left out: mkfs.exfat or istat is not installed'
fi

note 'HFS+, HFSX'
hfsplus_volume hfsplus $((32 * MIB))
hfsplus_volume hfsx $((24 * MIB)) --x --block 1024 --journal 1048576
for v in hfsplus hfsx; do judge hfsplus $v; done
hfsplus_trees hfsplus

note XFS
if ! command -v mkfs.xfs xfs_db xfs_io >/dev/null; then
	echo 'XFS is left out: mkfs.xfs, xfs_db or xfs_io is not installed'
else
	xfs_plain_volume xfs4 -b size=1024 -m crc=0
	judge xfs xfs4
	xfs_headers xfs4 /big
	# all headers of the first group are lost, and the next is far
	truncate -s 15G wide
	mkfs.xfs -q -f -d agcount=3 wide
	lose wide 0 65536
	look one.map wide
	reported '.volumes[0] | .fs == "xfs" and .reason == null and .metadata == 4096'
	rm wide
	if grep -qw xfs /proc/filesystems && have_loop; then
		xfs_volume xfs 96M -d agcount=4
		xfs_volume xfs1k 80M -b size=1024 -d agcount=3 -m rmapbt=1,reflink=1 -i nrext64=1
		for v in xfs xfs1k; do judge xfs $v; done
		xfs_headers xfs /pieces.bin
		xfs_block xfs /pieces.bin -a attributes
		xfs_block xfs /7.link -d content
		xfs_block xfs /many -d entries
		xfs_unclean xfs
	else
		echo 'XFS of version 5 is left out: filling it needs a kernel that mounts it, and a loop device'
	fi
fi

note Btrfs
if have_loop && grep -qw btrfs /proc/filesystems && command -v mkfs.btrfs >/dev/null; then
	btrfs_volume btrfs 120M ''
	btrfs_volume btrfs-single 120M '-m single -d single -n 4096'
	btrfs_volume btrfs-dup 256M '-m dup -d dup'
	for v in btrfs btrfs-single btrfs-dup; do judge btrfs $v; done
	# of the superblock another copy is enough
	lose btrfs 0 $((MIB / 2))
	look one.map btrfs
	reported '.volumes[0] | .fs == "btrfs" and .metadata == 524288 and .caution == null'
	# what was overwritten stays, because another part of its extent is in use; no file has it
	read -r start length <<<"$("$TOP/tests/lib/owners_btrfs.py" btrfs-single)"
	[ "${length:-0}" -gt $((2 * MIB)) ] || fail 'no extent is worn: the test is blunt'
	lose btrfs-single "$start" "$length"
	look one.map btrfs-single
	reported ".volumes[0] | .free == $length and .caution == null and (.files | length) == 0"
	lose btrfs-single $((start - 512)) 1024
	look one.map btrfs-single
	reported '.volumes[0] | .free == 512 and (.files | map(.paths)) == [["/folder 3/all/worn"], ["/worn"]]'
	# content that is in the log alone
	btrfs_in_flight btrfs flying
	lose flying "$(sector_of flying 'a line that is only in the log')" 1024
	look one.map flying
	reported '.volumes[0] | .caution != null and (.files | length) == 1 and .files[0].paths == ["/home/logged"]'
	reported '.volumes[0].files[0].losses == [.volumes[0].files[0].losses[] | select(.start == 0 and .len == 1024)]'
else
	echo 'Btrfs is left out: it needs root, loop devices, mkfs.btrfs and a kernel that mounts it'
fi

note APFS
if command -v mkapfs apfsck pstat istat >/dev/null; then
	apfs_volume apfs 1100M --files 90 --volumes 2
	judge apfs apfs
	apfs_places apfs
	apfs_macos
else
	echo 'APFS is left out: mkapfs, apfsck, pstat or istat is not installed'
fi

note 'an unknown volume, and one that is gone'
head -c 1048576 /dev/urandom >noise
lose noise 4096 512
look one.map noise
reported '.volumes[0] | .reason != null and .unknown == 512'

note 'the report in words, and what is refused'
lose ext4 0 4096
expect_rc 0 salvor report one.map --copy ext4
grep -q 'Of the filesystem itself' "$WORK/out" || fail "$(cat "$WORK/out")"
expect_rc 6 salvor report one.map
expect_said '--copy'
expect_rc 5 salvor report no.map --copy ext4
head -c 1048576 ext4 >short
expect_rc 6 salvor report one.map --copy short

note NTFS
if [ -w /dev/fuse ]; then
	ntfs_volume
	judge ntfs ntfs
	# a lost MFT record: the name stands in its folder's index; and the boot sector, which has a copy
	number=$(fls -f ntfs -rp ntfs | sed -n 's/^r.r \([0-9]*\)-.*folder 1\/e1\/a file, 1121.bin$/\1/p' | head -n 1)
	lcn=$(od -An -tu8 -j48 -N8 ntfs | tr -d ' ')
	lose ntfs $((lcn * 4096 + number * 1024 + 512)) 512
	look one.map ntfs
	reported '.volumes[0].files | length == 1 and (.[0].paths == ["/folder 1/e1/a file, 1121.bin"]) and .[0].losses[0].kind == "record"'
	lose ntfs 0 4096
	look one.map ntfs
	reported '.volumes[0] | .fs == "ntfs" and .metadata == 4096'
else
	echo 'NTFS is left out: filling it needs /dev/fuse'
fi
