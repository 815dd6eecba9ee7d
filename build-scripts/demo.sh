#!/usr/bin/env bash
# demo.sh - make a disk, save it, verify it, restore it over other data, and show that nothing is missing
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
cd "$(dirname "$0")/.."
. tests/lib/functions.sh
. build-scripts/lib/demo.sh

kinds=(- fat32 ext4 ntfs swap)
names=(- 'ESP (FAT32)' 'root (ext4)' 'data (NTFS)' 'swap')
work_dir demo
# short names on the screen
cd "$WORK"
disk=disk.img image=laptop target=target.img

say '1. A disk: 600 MiB, GPT, with ESP, ext4 with some thousand real files, NTFS and swap'
make_corpus "$WORK/many" 3000
make_corpus "$WORK/few" 200
truncate -s 600M "$disk"
printf '%s\n' 'label: gpt' 'size=64MiB, type=U, name="EFI system"' 'size=300MiB, type=L, name=root' \
	'size=160MiB, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, name=data' 'size=64MiB, type=S' |
	write_table "$disk" 512
list_partitions "$disk" 512 >"$WORK/parts"
ntfs_way=filled
[ -w /dev/fuse ] || ntfs_way='empty: filling it needs /dev/fuse'
while read -r n start size; do
	make_fs "${kinds[n]}" "$WORK/volume" "$size" 512
	case ${kinds[n]} in
	ext4) fill_fs ext4 "$WORK/volume" fragmented "$WORK/many" ;;
	ntfs) [ "$ntfs_way" != filled ] || fill_fs ntfs "$WORK/volume" fragmented "$WORK/few" ;;
	*) fill_fs "${kinds[n]}" "$WORK/volume" fragmented "$WORK/few" ;;
	esac
	put_in "$WORK/volume" "$disk" "$start"
	printf '  partition %s: %-14s %s\n' "$n" "${names[n]}" "$(mib "$size")"
done <"$WORK/parts"
[ "$ntfs_way" = filled ] || printf '  (NTFS is %s)\n' "$ntfs_way"
before=$(sha "$disk")

say '2. Which bytes of it matter?'
shown "$SALVOR" map "$disk"

say '3. Save it'
shown "$SALVOR" save --progress=none --note 'the demo disk' "$disk" "$image"
(cd "$image" && find . -type f -printf '  %10s  %P\n' | sort -k 2)
compare_line 'source, before/after' "$before" "$(sha "$disk")"

say '4. Verify the image, alone and against the disk'
shown "$SALVOR" verify --progress=none "$image"
shown "$SALVOR" verify --progress=none "$image" --against "$disk"

say '5. Restore it to a second disk, full of other data (0xA5)'
size=$(stat -c %s "$disk")
poison "$target" "$size"
shown "$SALVOR" restore --progress=none "$image" "$target" --confirm-erase "$size"

say '6. The same filesystems, the same files? (every one passed its own checker; SHA-256 over the trees)'
compare_line 'partition table' "$(dump_table "$disk" 512 | sha256sum | cut -c 1-64)" \
	"$(dump_table "$target" 512 | sha256sum | cut -c 1-64)"
for n in 1 2 3 4; do
	if [ "${kinds[n]}" = ntfs ] && [ "$ntfs_way" != filled ]; then
		continue
	fi
	compare_line "${names[n]}" "$(hash_partition "$disk" "$n" "${kinds[n]}")" \
		"$(hash_partition "$target" "$n" "${kinds[n]}")"
done
printf '  (root was filled from %s real files, ESP and data from %s)\n' "$(find many -type f | wc -l)" "$(find few -type f | wc -l)"

say '7. And without Salvor: the image is an ordinary .zst'
printf '  $ cat laptop/disk.img.zst* | zstd -dc > stock.img\n'
cat "$image"/disk.img.zst* | zstd -dcq >"$WORK/stock.img"
printf '  $ (cd laptop && sha256sum -c SHA256SUMS)\n'
(cd "$image" && sha256sum -c SHA256SUMS | sed 's/^/  /')
"$SALVOR" map --extents "$disk" >"$WORK/used"
for n in 1 2 3 4; do
	if [ "${kinds[n]}" = ntfs ] && [ "$ntfs_way" != filled ]; then
		continue
	fi
	compare_line "${names[n]}, by zstd" "$(hash_partition "$disk" "$n" "${kinds[n]}")" \
		"$(hash_partition "$WORK/stock.img" "$n" "${kinds[n]}")"
done
"$ORACLE" zeros "$disk" "$WORK/stock.img" "$WORK/used" ||
	differences=$((differences + 1))

verdict
