#!/usr/bin/env bash
# mk-iso.sh - the ISO: boots from CD and USB, by BIOS and UEFI, with and without Secure Boot
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: mk-iso.sh OUT.iso
. "$(dirname "$0")/lib.sh"

tree=$ISO_DIR/medium id=$(medium_id) out=$1
grub=$ROOT/usr/lib/grub/i386-pc
bios_modules=(biosdisk iso9660 part_msdos part_gpt fat normal search search_fs_file linux linux16
	serial terminal echo test configfile minicmd reboot halt sleep)

# GRUB for BIOS: what El Torito and the MBR start
mk_bios() {
	fill_in "$TOP/bootloader/bios.cfg" "ID=$id" >"$ISO_DIR/bios.cfg"
	locked_tool /usr/bin/grub-mkimage -O i386-pc -d "$grub" -p /boot/grub -c "$ISO_DIR/bios.cfg" \
		-o "$ISO_DIR/core.img" "${bios_modules[@]}"
	cat "$grub/cdboot.img" "$ISO_DIR/core.img" >"$tree/boot/grub/bios.img"
}

fill_tree() {
	rm -rf -- "$tree"
	mkdir -p "$tree"/{.disk,boot/grub}
	cp -- "$ISO_DIR/vmlinuz" "$ISO_DIR/initrd" "$tree/boot/"
	cp -- "$ROOT/boot/memtest86+x64.bin" "$tree/boot/memtest.bin"
	cp -- "$ROOT/boot/memtest86+x64.efi" "$tree/boot/memtest.efi"
	# the same files as in the EFI system partition, for those who copy files to a stick
	cp -r -- "$ISO_DIR/esp/EFI" "$tree/EFI"
	"$TOP/build-scripts/iso/mk-menu.sh" grub /boot medium >"$tree/boot/grub/grub.cfg"
	echo "$(profile name) $VERSION" >"$tree/.disk/info"
	: >"$tree/.disk/$id"
	cp -- "$ISO_DIR/parts.spdx" "$ISO_DIR/licences.txt.xz" "$tree/"
	mk_bios
	(cd "$tree" && find . -type f ! -path ./boot/grub/bios.img -print0 | sort -z | xargs -0 sha256sum) >"$ISO_DIR/sums"
	mv "$ISO_DIR/sums" "$tree/SHA256SUMS"
	chmod -R u=rwX,go=rX "$tree"
	same_times "$tree"
}

# the folder as one image that is a CD, a disk with a GPT, and a disk with an MBR
mk_image() {
	local options=(
		-V "$(profile volume)" -r -J -joliet-long -no-pad
		# fixed times; the GUIDs of the GPT are made from them
		--modification-date="$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S00)" --set_all_file_dates set_to_mtime
		# BIOS from a disk: the MBR loads GRUB; partition 1 starts at 16 blocks, so that it can be mounted as well
		--grub2-mbr "$grub/boot_hybrid.img" --protective-msdos-label -partition_cyl_align off -partition_offset 16
		-iso_mbr_part_type 0x83
		# BIOS from a CD
		-b boot/grub/bios.img -no-emul-boot -boot-load-size 4 -boot-info-table --grub2-boot-info -c boot/boot.cat
		# UEFI: the EFI system partition, as partition 2 and as El Torito image
		-append_partition 2 0xef "$ISO_DIR/efi.img" -appended_part_as_gpt
		-eltorito-alt-boot -e '--interval:appended_partition_2:all::' -no-emul-boot
	)
	locked_tool /usr/bin/xorriso -as mkisofs "${options[@]}" -o "$out.new" "$tree" 2>"$ISO_DIR/xorriso.log" ||
		die "xorriso failed: $(grep -m 1 FAILURE "$ISO_DIR/xorriso.log" || echo "see $ISO_DIR/xorriso.log")"
	mv "$out.new" "$out"
}

say ISO "$out"
fill_tree
mk_image
rm -rf -- "$tree"
