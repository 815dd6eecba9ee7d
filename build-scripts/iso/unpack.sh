#!/usr/bin/env bash
# unpack.sh - unpack the packages of the lock into build/iso/packages, without installing anything
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Beside it, build/iso/packages.files has a line "PACKAGE PATH" for every file, for the list of parts.
. "$(dirname "$0")/lib.sh"

# what nobody reads in the image; licences are kept for the list of parts
leave_out=(--wildcards --exclude './usr/share/man/*' --exclude './usr/share/locale/*' --exclude './usr/share/info/*'
	--exclude './usr/share/doc/*/[!c]*' --exclude './usr/share/lintian/*' --exclude './usr/share/bash-completion/*')

# one /usr, as on an installed Debian 12
merged_usr() {
	local dir
	mkdir -p "$1"
	for dir in bin sbin lib lib64; do
		mkdir -p "$1/usr/$dir"
		ln -s "usr/$dir" "$1/$dir"
	done
}

# PACKAGE FILE: unpack one, and print its lines of the list
unpack() {
	dpkg-deb --fsys-tarfile "$2" |
		tar -x -v -C "$ROOT.new" --keep-directory-symlink --no-same-owner --delay-directory-restore "${leave_out[@]}" |
		sed -n -e 's,/$,&,;t' -e "s,^\\.\\(/usr\\)\\?\\(/.*\\),$1 \\2,p"
}

rm -rf -- "$ROOT.new" "$ROOT"
mkdir -p "$ISO_DIR"
merged_usr "$ROOT.new"
say UNPACK "$(locked_packages | wc -l) packages"
locked_packages | while read -r name version _; do
	unpack "$name" "$(cached_package "$name" "$version")"
done >"$ROOT.files"
mv "$ROOT.new" "$ROOT"

# the kernel's lists of dependencies and aliases are made at installation; here is the place for it
kernel=$(cd "$ROOT/usr/lib/modules" && echo *)
[ -d "$ROOT/usr/lib/modules/$kernel" ] || die "one kernel is needed, found: $kernel"
locked_tool /usr/sbin/depmod -b "$ROOT" "$kernel"
echo "$kernel" >"$ISO_DIR/kernel"
