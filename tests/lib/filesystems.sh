#!/usr/bin/env bash
# filesystems.sh - real filesystems for the round trips: made, filled with files, mounted, checked and read by their own tools
# SPDX-License-Identifier: GPL-3.0-or-later
#
# functions.sh sources it. make_fs, then fill_fs KIND FILE empty|full|fragmented|aged CORPUS; check_fs and fs_hash afterwards.

# DIR N: a tree of about N real files of this machine, with names that FAT and NTFS can keep
make_corpus() {
	local dir=$1 n=$2 i=0 file name
	while IFS= read -r file; do
		[ $((i % 40)) -ne 0 ] || mkdir -p "$dir/folder$((i / 40))"
		name=${file##*/}
		name=${name//[!A-Za-z0-9._-]/_}
		cp -- "$file" "$dir/folder$((i / 40))/$i-${name:0:40}"
		i=$((i + 1))
	done < <(find -L /usr/share/doc /usr/share/common-licenses /usr/share/perl* /usr/lib/python3 \
		/usr/share/misc /usr/include -type f -size +0 -size -64k 2>/dev/null |
		LC_ALL=C sort | awk -v n="$n" '{ all[NR] = $0 } END {
			step = NR > n ? NR / n : 1; for (i = 1; i <= NR; i += step) print all[int(i)] }')
	[ "$i" -gt 0 ] || fail 'no files on this machine to fill filesystems with'
	# one file that is larger than any hole, and one with a hole of its own
	head -c 200000 /dev/urandom >"$dir/large.bin"
	truncate -s 300000 "$dir/zeros.bin"
}

# KIND FILE BYTES SECTOR: mkfs of the right kind; blocks never smaller than the sector
make_fs() {
	local kind=$1 file=$2 bytes=$3 sector=$4 opts=()
	rm -f -- "$file"
	truncate -s "$bytes" "$file"
	case $kind in
	ext2 | ext3 | ext4)
		# small volumes get 1 KiB blocks by themselves, which is a good test of its own
		[ "$sector" -eq 512 ] || opts=(-b 4096)
		mke2fs -q -F -t "$kind" "${opts[@]}" -L "t-$kind" "$file"
		;;
	ntfs)
		mkntfs -F -q -s "$sector" -p 2048 -H 16 -S 63 -L t-ntfs "$file" >/dev/null 2>&1
		;;
	fat12 | fat16 | fat32)
		# one sector per cluster gives the type its number of clusters on the smallest volume
		[ "$kind-$sector" = fat16-512 ] || [ "$kind" = fat12 ] || opts=(-s 1)
		mkfs.fat -S "$sector" -F "${kind#fat}" "${opts[@]}" -n "T-${kind^^}" "$file" >/dev/null
		;;
	xfs)
		# the size of a volume for people is at least 300 MB
		mkfs.xfs -q -f --unsupported -s "size=$sector" -L t-xfs "$file" >"$WORK/mkfs.out" 2>&1 ||
			fail "mkfs.xfs: $(cat "$WORK/mkfs.out")"
		;;
	exfat)
		attach_loop "$file" "$sector"
		mkfs.exfat -c 4096 -L t-exfat "$LOOP" >/dev/null
		detach_loop "$LOOP"
		;;
	f2fs)
		mkfs.f2fs -q -w "$sector" -l t-f2fs "$file" >/dev/null
		;;
	hfsplus) "$TOP/tests/lib/hfsplus-make.py" "$file" "$bytes" ;;
	swap)
		mkswap -q -L t-swap "$file"
		;;
	btrfs)
		mkfs.btrfs -q -f -n 4096 -L t-btrfs "$file" >/dev/null
		;;
	esac
}

# FILE: debugfs commands on stdin; whatever it says beyond its echo is a complaint
_debugfs() {
	debugfs -w -f - "$1" >"$WORK/debugfs.out" 2>&1
	! grep -v -e '^debugfs' -e '^Allocated inode' -e '^$' "$WORK/debugfs.out" ||
		fail "debugfs complains about $1"
}

# FILE: number of free blocks times block size
_ext_free() {
	dumpe2fs -h "$1" 2>/dev/null | awk -F: '/^Free blocks/ {f=$2} /^Block size/ {b=$2} END {print f*b}'
}

_ext_add_corpus() {
	local file=$1 corpus=$2
	(cd "$corpus" && find . -mindepth 1 -type d -printf 'mkdir %P\n' &&
		find . -type f -printf 'write %p %P\n') | (cd "$corpus" && _debugfs "$file")
}

_fill_ext() {
	local file=$1 state=$2 corpus=$3 n
	[ "$state" != empty ] || return 0
	[ "$state" != aged ] || {
		_fill_mounted ext4 "$@"
		return
	}
	_ext_add_corpus "$file" "$corpus"
	case $state in
	full)
		# leave room for the indirect blocks of ext2 and ext3
		n=$(($(_ext_free "$file") * 98 / 100))
		head -c "$n" /dev/urandom >"$WORK/filler"
		echo "write $WORK/filler filler.bin" | _debugfs "$file"
		rm -f "$WORK/filler"
		;;
	fragmented)
		# every second file goes, then one that is laid into some of the holes
		(cd "$corpus" && find . -type f -name '*[02468]-*' -printf 'rm %P\n') | _debugfs "$file"
		echo "write $corpus/large.bin pieces.bin" | _debugfs "$file"
		;;
	esac
	e2fsck -fn "$file" >"$WORK/fsck.out" 2>&1 || fail "e2fsck finds the fixture broken: $(cat "$WORK/fsck.out")"
}

_fill_fat() {
	local file=$1 state=$2 corpus=$3 n
	[ "$state" != empty ] || return 0
	mcopy -s -Q -i "$file" "$corpus"/* ::
	case $state in
	full)
		n=$(mdir -i "$file" :: | awk '/bytes free/ { gsub(/[^0-9]/, ""); print }')
		head -c "$n" /dev/urandom >"$WORK/filler"
		mcopy -i "$file" "$WORK/filler" ::filler.bin
		rm -f "$WORK/filler"
		;;
	fragmented)
		(cd "$corpus" && find . -type f -name '*[02468]-*' -printf '::%P\n') |
			xargs -r mdel -i "$file"
		mcopy -i "$file" "$corpus/large.bin" ::pieces.bin
		;;
	aged) _age_fat "$file" ;;
	esac
}

# FILE: as _age does, without a mount: files come, are written anew in other sizes, and go
_age_fat() {
	local dir=$WORK/age round n
	for round in 1 2 3 4 5 6; do
		mkdir -p "$dir"
		for n in $(seq 40); do head -c $((n * n * 29 % 40000 + round)) /dev/urandom >"$dir/$n"; done
		mmd -i "$1" "::age$round"
		mcopy -i "$1" "$dir"/* "::age$round"
		for n in $(seq 1 4 40); do head -c $((n * 1100)) /dev/urandom >"$dir/$n"; done
		mcopy -o -i "$1" "$dir"/*[159] "::age$round"
		mdel -i "$1" "::age$round/*[02468]"
		[ "$round" -lt 3 ] || mdeltree -i "$1" "::age$((round - 2))"
		rm -r "$dir"
	done
}

# FILE DIR rw|ro: mount NTFS; ntfs_umount DIR in the same shell waits until the driver let the file go
ntfs_mount() {
	local n
	mkdir -p "$2"
	ntfs-3g -o "$3,no_detach" "$1" "$2" >"$WORK/ntfs-3g.log" 2>&1 &
	_ntfs_pid=$!
	for n in $(seq 200); do
		! mountpoint -q "$2" || return 0
		sleep 0.05
	done
	fail "ntfs-3g did not mount $1 (looked $n times)"
}

ntfs_umount() {
	umount "$1"
	wait "$_ntfs_pid"
}

_fill_ntfs() {
	local file=$1 state=$2 corpus=$3 dir=$WORK/mnt-fill
	[ "$state" != empty ] || return 0
	ntfs_mount "$file" "$dir" rw
	cp -r "$corpus"/. "$dir"
	case $state in
	full)
		head -c 1G /dev/urandom 2>/dev/null | cat >"$dir/filler.bin" 2>/dev/null || true
		;;
	fragmented)
		find "$dir" -type f -name '*[02468]-*' -delete
		cp "$corpus/large.bin" "$dir/pieces.bin"
		;;
	aged) _age "$dir" "$corpus" ;;
	esac
	ntfs_umount "$dir"
}

# KIND FILE DIR rw|ro: mount by a loop device of 512 byte sectors: ext and XFS by the kernel, never replayed when read-only;
# exFAT by the driver in FUSE. loop_umount DIR lets all of it go
loop_mount() {
	mkdir -p "$3"
	attach_loop "$2" "${5:-512}"
	_loop_mounted=$LOOP _loop_pid=
	case $1-$4 in
	ext?-rw) mount -t auto "$LOOP" "$3" ;;
	xfs-rw) mount -t xfs -o nouuid "$LOOP" "$3" ;;
	xfs-ro) mount -t xfs -o ro,norecovery,nouuid "$LOOP" "$3" ;;
	exfat-*) _fuse_mount "$4" "$LOOP" "$3" ;;
	esac || fail "cannot mount $2"
}

_fuse_mount() {
	local n
	mount.exfat-fuse -d -o "$1" "$2" "$3" >"$WORK/exfat-fuse.log" 2>&1 &
	_loop_pid=$!
	for n in $(seq 200); do
		! mountpoint -q "$3" || return 0
		sleep 0.05
	done
	echo "exfat-fuse did not mount $2 (looked $n times)" >&2
	return 1
}

loop_umount() {
	umount "$1"
	[ -z "$_loop_pid" ] || wait "$_loop_pid" || true
	detach_loop "$_loop_mounted"
}

# Without a kernel that has it, files can only be added; tests/guest/f2fs.sh is about volumes in use.
_fill_f2fs() {
	local file=$1 state=$2 corpus=$3
	[ "$state" != empty ] || return 0
	sload.f2fs -f "$corpus" "$file" >"$WORK/sload.out" || fail "sload.f2fs: $(tail -n 5 "$WORK/sload.out")"
	[ "$state" = full ] || return 0
	mkdir -p "$WORK/filler"
	head -c 20M /dev/urandom >"$WORK/filler/filler.bin"
	sload.f2fs -f "$WORK/filler" -t /more "$file" >"$WORK/sload.out" || fail "sload.f2fs: $(tail -n 5 "$WORK/sload.out")"
	rm -r "$WORK/filler"
}

# Made anew with the files in it, and with a journal; tests/guest/hfsplus.sh is about volumes in use.
_fill_hfsplus() {
	local file=$1 state=$2 corpus=$3 opts=()
	case $state in
	empty) return 0 ;;
	full) opts=(--fill $((1 << 30))) ;;
	fragmented) opts=(--scatter --x) ;;
	esac
	"$TOP/tests/lib/hfsplus-make.py" "$file" "$(stat -c %s "$file")" --journal $((512 * 1024)) --files "$corpus" "${opts[@]}"
}

# FILE DIR: what sleuthkit finds, but for the volume's own files
_dump_hfsplus() {
	tsk_recover -a -f hfs "$1" "$2" >/dev/null
	rm -rf -- "$2"/\$*
}

# FILE DIR: all files, whatever folder they are in, into one
_dump_f2fs() {
	local file n
	file=$(realpath "$1")
	for n in $(seq 4 200); do
		(cd "$2" && echo y | dump.f2fs -i "$n" "$file" >/dev/null 2>&1) || true
	done
}

# DIR CORPUS: what years of use leave behind: files of all sizes that come, grow and go
_age() {
	local dir=$1 round n
	cp -r "$2"/. "$dir"
	for round in 1 2 3 4 5 6; do
		mkdir "$dir/age$round"
		for n in $(seq 40); do
			head -c $((n * n * 29 % 40000 + round)) /dev/urandom >"$dir/age$round/$n"
			[ $((n % 5)) -ne "$round" ] || sync -f "$dir"
		done
		for n in $(seq "$round" 3 40); do rm -f "$dir/age$round/$n" "$dir/age$((round - 1))/$((n + 1))"; done
		for n in $(seq 1 4 40); do
			[ ! -e "$dir/age$round/$n" ] || head -c $((n * 700)) /dev/urandom >>"$dir/age$round/$n"
		done
	done
}

# XFS, exFAT, and ext when it ages: KIND FILE STATE CORPUS
_fill_mounted() {
	local kind=$1 file=$2 state=$3 corpus=$4 dir=$WORK/mnt-fill
	[ "$state" != empty ] || return 0
	loop_mount "$kind" "$file" "$dir" rw "$(_sector_of "$kind" "$file")"
	case $state in
	full)
		cp -r "$corpus"/. "$dir"
		head -c 1G /dev/urandom 2>/dev/null | cat >"$dir/filler.bin" 2>/dev/null || true
		;;
	fragmented)
		cp -r "$corpus"/. "$dir"
		sync -f "$dir"
		find "$dir" -type f -name '*[02468]-*' -delete
		cp "$corpus/large.bin" "$dir/pieces.bin"
		;;
	aged) _age "$dir" "$corpus" ;;
	esac
	loop_umount "$dir"
}

# KIND FILE: the driver of exFAT wants sectors of the size that the volume has
_sector_of() {
	[ "$1" = exfat ] || {
		echo 512
		return
	}
	echo $((1 << $(od -An -tu1 -j108 -N1 "$2")))
}

# swap holds no files; what lies behind its first page is rubbish that must not be read
_fill_swap() {
	[ "$2" != full ] || head -c $((4 * MIB)) /dev/urandom |
		dd of="$1" bs=4096 seek=300 conv=notrunc status=none iflag=fullblock
}

# FILE DIR OPTIONS: mount Btrfs; btrfs_umount DIR lets it go
btrfs_mount() {
	mkdir -p "$2"
	attach_loop "$1" 512
	mount -t btrfs -o "$3" "$LOOP" "$2"
}

# a forgotten device is not taken for a member when another copy of the filesystem is mounted
btrfs_umount() {
	umount "$1"
	btrfs device scan --forget "$LOOP" >/dev/null 2>&1 || true
	detach_loop "$LOOP"
}

# "aged": files come and go in many commits, a snapshot keeps some of them, groups are moved by a balance
_fill_btrfs() {
	local file=$1 state=$2 corpus=$3 dir=$WORK/mnt-fill n
	[ "$state" != empty ] || return 0
	btrfs_mount "$file" "$dir" rw
	cp -r "$corpus"/. "$dir"
	case $state in
	full)
		head -c 1G /dev/urandom 2>/dev/null | cat >"$dir/filler.bin" 2>/dev/null || true
		;;
	fragmented | aged)
		sync -f "$dir"
		find "$dir" -type f -name '*[02468]-*' -delete
		cp "$corpus/large.bin" "$dir/pieces.bin"
		;;
	esac
	for n in $([ "$state" != aged ] || seq 12); do
		[ "$n" -ne 5 ] || btrfs -q subvolume snapshot "$dir" "$dir/snapshot"
		rm -rf "$dir/turn$((n - 2))" && mkdir "$dir/turn$n"
		cp -r "$corpus/folder0" "$dir/turn$n"
		head -c $((n * 90000)) /dev/urandom >"$dir/turn$n/new.bin"
		sync -f "$dir"
		[ "$n" -ne 9 ] || btrfs -q balance start -d "$dir" >/dev/null || true # may lack the room for it
	done
	btrfs_umount "$dir"
}

# KIND FILE STATE CORPUS
fill_fs() {
	case $1 in
	ext?) _fill_ext "${@:2}" ;;
	fat*) _fill_fat "${@:2}" ;;
	ntfs) _fill_ntfs "${@:2}" ;;
	xfs | exfat) _fill_mounted "$@" ;;
	f2fs) _fill_f2fs "${@:2}" ;;
	hfsplus) _fill_hfsplus "${@:2}" ;;
	swap) _fill_swap "${@:2}" ;;
	btrfs) _fill_btrfs "${@:2}" ;;
	esac
}

# KIND FILE: the filesystem's own checker must find nothing
check_fs() {
	local rc=0
	case $1 in
	ext?) e2fsck -fn "$2" ;;
	fat*) fsck.fat -n "$2" ;;
	ntfs) ntfsfix -n "$2" && ntfsinfo -m "$2" && ntfscluster -f -i "$2" ;;
	xfs) xfs_repair -n -f "$2" ;;
	exfat) fsck.exfat -n "$2" ;;
	f2fs) fsck.f2fs --dry-run "$2" ;;
	hfsplus) "$TOP/tests/lib/hfsplus-check.py" "$2" ;;
	swap) swaplabel "$2" ;;
	btrfs) btrfs check --check-data-csum "$2" ;;
	esac >"$WORK/fsck.out" 2>&1 || rc=$?
	[ "$rc" -eq 0 ] || {
		cat "$WORK/fsck.out" >&2
		fail "the checker of $1 finds errors ($rc) in $2"
	}
}

# KIND FILE DIR: all files of the filesystem copied into the new DIR
dump_fs() {
	local kind=$1 file=$2 dir=$3 mnt=$WORK/mnt-dump
	mkdir -p "$dir"
	case $kind in
	ext?) debugfs -R "rdump / $dir" "$file" >/dev/null 2>&1 ;;
	fat*) [ -z "$(mdir -b -i "$file" ::)" ] || mcopy -s -Q -n -i "$file" '::*' "$dir" ;;
	ntfs)
		ntfs_mount "$file" "$mnt" ro
		cp -r "$mnt"/. "$dir"
		ntfs_umount "$mnt"
		;;
	xfs | exfat)
		loop_mount "$kind" "$file" "$mnt" ro "$(_sector_of "$kind" "$file")"
		cp -r "$mnt"/. "$dir"
		loop_umount "$mnt"
		;;
	f2fs) _dump_f2fs "$file" "$dir" ;;
	hfsplus) _dump_hfsplus "$file" "$dir" ;;
	swap) head -c 4096 "$file" >"$dir/first-page" ;;
	btrfs) btrfs restore -s -i "$file" "$dir" >/dev/null 2>&1 ;;
	esac
}

# KIND FILE: tree_hash of its files
fs_hash() {
	local dir
	dir=$(mktemp -d "$WORK/dump.XXXXXX")
	dump_fs "$1" "$2" "$dir"
	tree_hash "$dir"
	rm -rf -- "${dir:?}"
}

# KIND FILE OUT: "START LENGTH" (bytes in the volume) of what the filesystem's own tools call free
free_extents() { "$ORACLE" free "$1" "$2" >"$3"; }
