#!/usr/bin/env bash
# run.sh - boot the ISO in QEMU, with scratch disks that are kept in build/run
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: run.sh FILE.iso [ARGUMENT OF QEMU]...
# From the environment: FIRMWARE=bios|uefi|secure, MEMORY in MiB, TEXT=1 (serial console in this terminal, no window)
. "$(dirname "$0")/lib.sh"

iso=$1
shift
dir=$BUILD/run
mkdir -p "$dir"
command -v qemu-system-x86_64 >/dev/null || die 'qemu-system-x86_64 is not there; build-scripts/install-deps.sh installs it'

# /dev/kvm may be there and hang: a boot sector that ends QEMU (exit status 1) must get to its end
kvm_works() {
	[ -w /dev/kvm ] || return 1
	local rc=0
	{
		printf '\xb0\x00\xe6\xf4\xeb\xfe'
		head -c 504 /dev/zero
		printf '\x55\xaa'
	} >"$dir/probe.img"
	timeout -k 1 10 qemu-system-x86_64 -accel kvm -m 16 -display none -nodefaults -device isa-debug-exit,iobase=0xf4,iosize=1 \
		-drive if=ide,format=raw,readonly=off,file="$dir/probe.img" >/dev/null 2>&1 || rc=$?
	[ "$rc" -eq 1 ]
}

# NAME SIZE: a scratch disk
scratch() { [ -e "$dir/$1" ] || truncate -s "$2" "$dir/$1"; }

machine=(-machine q35 -m "${MEMORY:-1024}" -smp 2)
if kvm_works; then
	machine+=(-accel kvm -cpu host)
else
	echo 'run: KVM does not work here, emulating: the start takes about a minute'
	machine+=(-accel tcg -cpu max)
fi

# CODE VARS: OVMF with variables of our own
firmware() {
	[ -e "/usr/share/OVMF/$1" ] || die "/usr/share/OVMF/$1 is not there; the package ovmf has it"
	[ -e "$dir/$2" ] || cp "/usr/share/OVMF/$2" "$dir/$2"
	machine+=(-drive "if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/$1"
		-drive "if=pflash,unit=1,format=raw,file=$dir/$2")
}
case ${FIRMWARE:-bios} in
bios) ;;
uefi) firmware OVMF_CODE_4M.fd OVMF_VARS_4M.fd ;;
secure)
	machine+=(-machine smm=on -global "driver=cfi.pflash01,property=secure,value=on" -global ICH9-LPC.disable_s3=1)
	firmware OVMF_CODE_4M.secboot.fd OVMF_VARS_4M.ms.fd
	;;
*) die "FIRMWARE=$FIRMWARE: bios, uefi or secure" ;;
esac

scratch system.img 2G
scratch store.img 4G
scratch spare.img 2G
disks=(
	-drive "if=none,id=iso,format=raw,readonly=on,file=$iso"
	-device qemu-xhci -device "usb-storage,drive=iso,bootindex=0,removable=on"
	-drive "if=none,id=d0,format=raw,file=$dir/system.img" -device "ide-hd,drive=d0,serial=SYSTEM0001"
	-drive "if=none,id=d1,format=raw,file=$dir/store.img" -device "virtio-blk-pci,drive=d1,serial=STORE0002"
	-drive "if=none,id=d2,format=raw,file=$dir/spare.img" -device "nvme,drive=d2,serial=SPARE0003"
)
screen=(-vga std -serial none)
[ -z "${TEXT:-}" ] || screen=(-nographic -vga none)
exec qemu-system-x86_64 "${machine[@]}" "${disks[@]}" "${screen[@]}" -nic user,model=virtio-net-pci "$@"
