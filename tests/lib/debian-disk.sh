#!/usr/bin/env bash
# debian-disk.sh - make a disk with a small Debian that boots by itself, by BIOS, UEFI and Secure Boot
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: debian-disk.sh FILE
#
# GPT: a partition for GRUB's BIOS half, ESP, ext4, swap; everything is found by its UUID. Debian comes by mmdebstrap
# from the host's apt sources. GRUB is installed by Debian's own grub-install in a virtual machine, which that kernel
# is started in once, for the host may know neither FAT nor partitions of loop devices. Root logs in with a password.
set -eu -o pipefail
. "$(dirname "${BASH_SOURCE[0]}")/functions.sh"
out=$(realpath -m "${1:?usage: debian-disk.sh FILE}")
[ "$(id -u)" -eq 0 ] || {
	echo "debian-disk: ${out##*/} cannot be made without root"
	exit 0
}
requires mmdebstrap jq sfdisk mke2fs mkfs.fat mkswap
work_dir debian-disk
. "$TOP/tests/lib/guest.sh"
. "$TOP/tests/lib/live.sh"
. "$TOP/tests/lib/debian.sh"

PACKAGES=(systemd-sysv udev passwd linux-image-cloud-amd64 initramfs-tools e2fsprogs dosfstools
	grub2-common grub-pc-bin grub-efi-amd64-bin grub-efi-amd64-signed shim-signed)
# what would wake up in the middle of a test
MASKED=(apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer)
# emulated, on a busy host, the timer may miss the kernel's test of it
WORDS='console=ttyS0 quiet no_timer_check panic=-1'

new_uuid() { cat /proc/sys/kernel/random/uuid; }
root_id=$(new_uuid) swap_id=$(new_uuid) esp_id=$(new_uuid)
esp_id=${esp_id:0:4}-${esp_id:4:4}
esp_id=${esp_id^^}

# PATH: stdin as a file of the system
put() { install -D -m 644 /dev/stdin "$WORK/overlay/$1"; }

# what an installer would have asked for and written
settings() {
	local unit
	put etc/fstab <<-END
		UUID=$root_id / ext4 errors=remount-ro 0 1
		UUID=$esp_id /boot/efi vfat umask=0077 0 1
		UUID=$swap_id none swap sw 0 0
	END
	put etc/default/grub <<-END
		GRUB_TIMEOUT=0
		GRUB_DISTRIBUTOR=Debian
		GRUB_CMDLINE_LINUX="$WORDS"
		GRUB_TERMINAL=serial
		GRUB_SERIAL_COMMAND=serial
	END
	put etc/systemd/system.conf.d/slow.conf <<-'END'
		[Manager]
		DefaultTimeoutStartSec=15min
		DefaultTimeoutStopSec=15min
		DefaultDeviceTimeoutSec=15min
	END
	put etc/initramfs-tools/conf.d/resume <<<RESUME=none
	put etc/hostname <<<golden
	mkdir -p "$WORK"/overlay/{boot/efi,etc/systemd/system}
	for unit in "${MASKED[@]}"; do
		ln -s /dev/null "$WORK/overlay/etc/systemd/system/$unit"
	done
}

# Debian, in $WORK/root
install_debian() {
	local sources
	mapfile -t sources < <(find /etc/apt/sources.list /etc/apt/sources.list.d \( -name '*.list' -o -name '*.sources' \) -size +0 2>/dev/null || true)
	# how they are reached
	apt-config dump --no-empty --format '%f "%v";%n' Acquire | grep -E '^Acquire::(https?:|Check-)' >"$WORK/apt.conf" || true
	# shellcheck disable=SC2016 # for the shell of the hooks
	OVERLAY=$WORK/overlay PASSWORD=$DEBIAN_PASSWORD mmdebstrap --variant=apt --include="$(IFS=, && echo "${PACKAGES[*]}")" \
		--aptopt="$WORK/apt.conf" --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --essential-hook='cp -a "$OVERLAY/." "$1"' \
		--customize-hook='echo "root:$PASSWORD" | chroot "$1" chpasswd' \
		--customize-hook='sed -i "s/^LOGIN_TIMEOUT.*/LOGIN_TIMEOUT 900/" "$1/etc/login.defs"' \
		'' "$WORK/root" "${sources[@]}" >"$WORK/mmdebstrap.log" 2>&1 || {
		tail -n 20 "$WORK/mmdebstrap.log" >&2
		fail 'mmdebstrap could not install Debian'
	}
}

# N: where partition N starts, and its size in bytes
partition() { list_partitions "$disk" 512 | sed -n "s/^$1 //p"; }

# table and filesystems, Debian in one of them
fill_disk() {
	local start size
	truncate -s 1536M "$disk"
	printf '%s\n' 'label: gpt' 'start=1MiB, size=1MiB, type=21686148-6449-6E6F-744E-656564454649, name="BIOS boot"' \
		'size=48MiB, type=U, name="EFI system"' 'size=1340MiB, type=L, name=root' 'size=100MiB, type=S, name=swap' |
		write_table "$disk" 512
	read -r start size < <(partition $DEBIAN_ESP)
	truncate -s "$size" "$WORK/esp"
	mkfs.fat -F 32 -s 1 -i "${esp_id/-/}" "$WORK/esp" >/dev/null
	put_in "$WORK/esp" "$disk" "$start"
	read -r start size < <(partition $DEBIAN_ROOT)
	truncate -s "$size" "$WORK/ext4"
	mke2fs -q -F -t ext4 -U "$root_id" -d "$WORK/root" "$WORK/ext4"
	put_in "$WORK/ext4" "$disk" "$start"
	read -r start size < <(partition $DEBIAN_SWAP)
	truncate -s "$size" "$WORK/swap"
	mkswap -q -U "$swap_id" "$WORK/swap"
	put_in "$WORK/swap" "$disk" "$start"
}

# from within: both halves of GRUB, its menu, and a first boot that is over
install_grub() {
	guest_new
	guest_disk SYSTEM "$disk"
	guest_start -m 512 -kernel "$WORK"/root/boot/vmlinuz-* -initrd "$WORK"/root/boot/initrd.img-* -append "root=UUID=$root_id ro $WORDS"
	debian_login
	debian_well
	guest_run 'grub-install --target=i386-pc /dev/vda && update-grub &&
		grub-install --target=x86_64-efi --no-nvram --force-extra-removable' $LIVE_BUDGET || fail 'grub-install failed'
	debian_off
}

disk=$WORK/debian.img
note 'packages'
settings
install_debian
note 'disk'
fill_disk
note 'GRUB'
install_grub
mkdir -p "${out%/*}"
cp --sparse=always "$disk" "$out.part"
mv "$out.part" "$out"
