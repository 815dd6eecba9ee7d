#!/usr/bin/env bash
# mk-root.sh - stage the live system in build/iso/root: modules, tools, salvor, overlay, links to busybox
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"

root=$ISO_DIR/root
shopt -s nullglob
modules=("$TOP"/initramfs/features/*.modules)
files=("$TOP"/initramfs/features/*.files)

# our own programs, without what only a debugger reads; the build ID is a sum over that too
add_programs() {
	install -d "$root/usr/bin"
	strip -R .note.gnu.build-id -o "$root/usr/bin/salvor" "$BUILD/salvor"
	chmod 755 "$root/usr/bin/salvor"
	# for those who need not start it to know
	install -d "$root/usr/lib/salvor"
	printf '%s %s\n' "$(profile name)" "$VERSION" >"$root/usr/lib/salvor/version"
	# translations, where the program was told at its compilation to look for them
	local text
	for text in "$BUILD"/locale/*/LC_MESSAGES/salvor.mo; do
		install -D -m 644 "$text" "$root${PREFIX:-/usr/local}/share/${text#"$BUILD"/}"
	done
}

# files as they are; whether one may be run is all that counts of its mode
add_overlay() {
	[ -d "$TOP/initramfs/overlay" ] || return 0
	tar -C "$TOP/initramfs/overlay" -c --mode='u=rwX,go=rX' . |
		tar -C "$root" -x --no-same-owner --keep-directory-symlink --overwrite
}

# one /usr, and the folders that the kernel and programs mount over or write to
add_folders() {
	local dir
	mkdir -p "$root"/{usr/{bin,sbin,lib,lib64},dev,proc,sys,run,tmp,mnt,root,etc,var}
	for dir in bin sbin lib lib64; do
		[ -L "$root/$dir" ] || ln -s "usr/$dir" "$root/$dir"
	done
	chmod 1777 "$root/tmp"
	chmod 700 "$root/root"
}

# 256 glyphs for VGA text, 512 for all other screens; small letters and large ones
add_fonts() {
	local fonts=$TOP/initramfs/fonts to=$root/usr/share/consolefonts height
	mkdir -p "$to"
	for height in 16 32; do
		set -- "$ROOT/usr/share/fonts/X11/misc/ter-u${height}n_unicode.pcf.gz" "$height"
		"$fonts/mk-font.py" "$@" 256 "$to/salvor-256-$height.psf" "$fonts/common.glyphs"
		"$fonts/mk-font.py" "$@" 512 "$to/salvor-512-$height.psf" "$fonts"/{common,more}.glyphs
	done
}

rm -rf -- "$root"
mkdir -p "$root"
add_folders
say ROOT "${#modules[@]} lists of modules, ${#files[@]} lists of files"
"$TOP/build-scripts/iso/modules.sh" -k "$root" "${modules[@]}"
"$TOP/build-scripts/iso/closure.sh" -n "$BUILD/salvor" "$root" "${files[@]}"
add_programs
add_fonts
add_overlay
[ -x "$root/usr/bin/busybox" ] || die 'busybox is in no list of initramfs/features'
add_applets "$root"
