#!/bin/sh
# medium.sh - the stick or disc this system came from: never a target, and checked when salvor.check=ID asks for it
# SPDX-License-Identifier: GPL-3.0-or-later
#
# ID is a file in the folder .disk of that medium. Only a medium with our volume label is mounted, read-only.
: "${root?}" "${run?}"

# NODE: is it an ISO 9660 filesystem with our label? Asked of the bytes, without mounting; a disk that does not
# answer must not hold the others up
is_ours() {
	[ "$(timeout 20 dd if="$root/dev/$1" bs=2048 skip=16 count=1 2>/dev/null | head -c 72 | tr -dc A-Z0-9)" = CD001SALVOR ]
}

# DISK: if it is the medium, its name goes where the engine looks for what must not be overwritten
see_medium() {
	[ ! -e "$run/boot-medium" ] || return 0
	case $1 in
	loop* | ram* | zram* | fd*) ;;
	*) ! is_ours "$1" || printf '%s\n' "$1" >"$run/boot-medium" ;;
	esac
}

# the loop device of our own squashfs, for the engine: its mount is out of everybody's sight since /init left it behind
see_live_system() {
	for file in "$root"/sys/block/loop*/loop/backing_file; do
		backing=
		[ ! -r "$file" ] || IFS= read -r backing <"$file"
		disk=${file%/loop/backing_file}
		case $backing in
		/live.sqfs | '/live.sqfs (deleted)') printf '%s\n' "${disk##*/}" >"$run/live-system" ;;
		esac
	done
}

# ID: mount the medium on $run/medium/mnt
mount_medium() {
	mkdir -p "$run/medium/mnt"
	for disk in "$root"/sys/block/*; do
		disk=${disk##*/}
		is_ours "$disk" || continue
		mount -t iso9660 -o ro,nosuid,nodev,noexec "$root/dev/$disk" "$run/medium/mnt" || continue
		[ ! -e "$run/medium/mnt/.disk/$1" ] || return 0
		umount "$run/medium/mnt"
	done
	return 1
}

# print the names in the list of which nobody says that they are right
damaged_files() {
	(cd "$run/medium/mnt" && sha256sum -c SHA256SUMS 2>/dev/null) | sed -n 's/: OK$//p' >"$run/medium/good"
	sed 's/^[0-9a-f]* [ *]//' "$run/medium/mnt/SHA256SUMS" | grep -v -x -F -f "$run/medium/good"
}

# ID: look for the medium, check it, and say how it is
check_medium() {
	for _ in 1 2 3 4 5; do
		! mount_medium "$1" || break
		sleep 2
	done
	if [ ! -s "$run/medium/mnt/SHA256SUMS" ]; then
		echo 'The medium was not found, so it was not checked. Was it pulled out?'
		return
	fi
	bad=$(damaged_files)
	umount "$run/medium/mnt"
	if [ -z "$bad" ] && [ -s "$run/medium/good" ]; then
		echo 'The medium is whole: all its files were read and compared.'
	else
		printf '%s\n' 'THE MEDIUM IS DAMAGED. Write it anew, or take another one. These files are not right:' "$bad"
	fi
}

# the first console does it, the others wait for what comes out
wait_for_check() {
	[ ! -s "$run/medium/result" ] || return 0
	printf '\n  Checking the medium ...\n'
	if mkdir "$run/medium" 2>/dev/null; then
		check_medium "$(param check)" >"$run/medium/new"
		mv "$run/medium/new" "$run/medium/result"
	fi
	until [ -s "$run/medium/result" ]; do
		sleep 1
	done
	# the interface is about to cover it
	sed 's/^/  /' "$run/medium/result"
	sleep 5
}
