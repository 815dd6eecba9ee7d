#!/usr/bin/env bash
# mk-parts.sh - the list of parts (SPDX 2.3, tag-value) of the live image, and their licences
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Reads which packages have a file in the image; writes build/iso/parts.spdx and build/iso/licences.txt.xz.
. "$(dirname "$0")/lib.sh"

tmp=$(mktemp -d)
trap 'rm -rf -- "$tmp"' EXIT

# what is taken into the image outside the staged root, as it stands in the packages
loaders=(/boot/vmlinuz-"$(<"$ISO_DIR/kernel")" /boot/memtest86+x64.bin /boot/memtest86+x64.efi /lib/shim/shimx64.efi.signed
	/lib/shim/mmx64.efi.signed /lib/grub/x86_64-efi-signed/gcdx64.efi.signed /lib/grub/x86_64-efi-signed/grubnetx64.efi.signed
	/lib/grub/i386-pc/kernel.img /lib/grub/i386-pc/boot_hybrid.img)

# print the names of the packages that have a file in the image
packages_inside() {
	{
		(cd "$ISO_DIR/root" && find . ! -type d) | sed -e 's,^\.,,' -e 's,^/usr/,/,'
		printf '%s\n' "${loaders[@]}"
	} | LC_ALL=C sort >"$tmp/inside"
	# a file of the list of contents is without /usr, as here
	awk 'NR == FNR { inside[$0] = 1; next } $2 in inside && !seen[$1]++ { print $1 }' "$tmp/inside" "$ROOT.files" | LC_ALL=C sort
}

# COPYRIGHT: the short names of its licences, if it is in the format that programs read
licences_of() {
	[ ! -e "$1" ] || awk 'sub(/^License:[ \t]*/, "") && $0 != "" && !seen[$0]++ { text = text (text == "" ? "" : "; ") $0 } END { print text }' "$1"
}

# NAME VERSION SHA256: one part
print_part() {
	local name=$1 deb copyright=$ROOT/usr/share/doc/$1/copyright licences source
	deb=$(cached_package "$name" "$2")
	source=$(dpkg-deb -f "$deb" Source)
	licences=$(licences_of "$copyright")
	printf '\nPackageName: %s\nSPDXID: SPDXRef-%s\nPackageVersion: %s\n' "$name" "${name//[^A-Za-z0-9.-]/-}" "$2"
	printf 'PackageSupplier: Organization: Debian\nPackageDownloadLocation: NOASSERTION\nFilesAnalyzed: false\n'
	printf 'PackageChecksum: SHA256: %s\n' "$3"
	printf 'PackageSourceInfo: Debian source package %s\n' "${source:-$name}"
	printf 'PackageLicenseConcluded: NOASSERTION\nPackageLicenseDeclared: NOASSERTION\nPackageCopyrightText: NOASSERTION\n'
	printf 'PackageLicenseComments: <text>%s</text>\n' "${licences:-see licences.txt}"
	printf 'Relationship: SPDXRef-salvor CONTAINS SPDXRef-%s\n' "${name//[^A-Za-z0-9.-]/-}"
}

print_head() {
	printf 'SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\nSPDXID: SPDXRef-DOCUMENT\nDocumentName: salvor-%s-amd64\n' "$VERSION"
	printf 'DocumentNamespace: urn:salvor:%s:%s\n' "$VERSION" "$(sha256sum "$LOCK" | cut -c 1-32)"
	printf 'Creator: Tool: %s\nCreated: %s\n' "${0##*/}" "$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)"
	printf '\nPackageName: salvor\nSPDXID: SPDXRef-salvor\nPackageVersion: %s\nPackageDownloadLocation: NOASSERTION\n' "$VERSION"
	printf 'FilesAnalyzed: false\nPackageLicenseConcluded: GPL-3.0-or-later\nPackageLicenseDeclared: GPL-3.0-or-later\n'
	printf 'PackageCopyrightText: NOASSERTION\nRelationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-salvor\n'
}

# PACKAGE...: their copyright files, one after the other
print_licences() {
	local name file
	for name; do
		file=$ROOT/usr/share/doc/$name/copyright
		printf '\n==== %s ====\n\n' "$name"
		[ -e "$file" ] || die "$name has no copyright file"
		cat "$file"
	done
}

mapfile -t inside < <(packages_inside)
[ "${#inside[@]}" -gt 0 ] || die 'nothing in the image is from a package'
{
	print_head
	locked_packages | while read -r name version sum _; do
		[[ " ${inside[*]} " != *" $name "* ]] || print_part "$name" "$version" "$sum"
	done
} >"$ISO_DIR/parts.spdx"
print_licences "${inside[@]}" | locked_tool /usr/bin/xz -9 -c >"$ISO_DIR/licences.txt.xz"
say PARTS "${#inside[@]} of $(locked_packages | wc -l) packages have files in the image"
