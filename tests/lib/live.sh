#!/usr/bin/env bash
# live.sh - boot the live image in a virtual machine, by each of the ways a computer has
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after guest.sh. $ISO may name another image; $NETBOOT another folder for the network.

ISO=${ISO:-$(find "$TOP/${BUILD:-build}" -maxdepth 1 -name 'salvor-*-amd64.iso' | head -n 1)}
NETBOOT=${NETBOOT:-$TOP/${BUILD:-build}/netboot}
# GRUB and the kernel's decompression are slow when emulated
LIVE_BUDGET=600

# CODE VARS: OVMF, with variables of its own
_live_ovmf() {
	local code=/usr/share/OVMF/$1 vars=$WORK/vars.fd
	[ -e "$code" ] || skip "$code is not there (package ovmf)"
	cp "/usr/share/OVMF/$2" "$vars"
	LIVE_ARGS+=(-drive "if=pflash,unit=0,format=raw,readonly=on,file=$code"
		-drive "if=pflash,unit=1,format=raw,file=$vars")
}

_live_medium() {
	[ -s "$ISO" ] || skip 'there is no ISO (make iso)'
	LIVE_ARGS+=(-blockdev "driver=raw,node-name=iso,read-only=on,file.driver=file,file.read-only=on,file.filename=$ISO")
}

# FILE ROM: boot this file over the network
_live_network() {
	[ -s "$NETBOOT/initrd" ] || skip "there is no $NETBOOT (make netboot)"
	LIVE_ARGS+=(-netdev "user,id=net0,tftp=$NETBOOT,bootfile=$1" -device "virtio-net-pci,netdev=net0,bootindex=0$2")
}

# MODE: the firmware for it, as it comes from the factory, in LIVE_ARGS
live_firmware() {
	LIVE_ARGS=()
	case $1 in
	*uefi*) _live_ovmf OVMF_CODE_4M.fd OVMF_VARS_4M.fd ;;
	*secure*)
		LIVE_ARGS+=(-machine smm=on -global "driver=cfi.pflash01,property=secure,value=on" -global ICH9-LPC.disable_s3=1)
		_live_ovmf OVMF_CODE_4M.secboot.fd OVMF_VARS_4M.ms.fd
		;;
	esac
}

# MODE: what QEMU needs for it, in LIVE_ARGS
live_args() {
	live_firmware "$1"
	case $1 in
	*-usb)
		_live_medium
		LIVE_ARGS+=(-device "usb-storage,bus=xhci.0,id=stick,drive=iso,bootindex=0,removable=on")
		;;
	*-cd)
		_live_medium
		LIVE_ARGS+=(-device "ide-cd,bus=ide.0,drive=iso,bootindex=0")
		;;
	pxe-bios) _live_network salvor.pxe '' ;;
	# the option ROM of QEMU's iPXE does not get on with shim: the firmware's own PXE
	pxe-*) _live_network shimx64.efi ,romfile= ;;
	*) fail "no such way to boot: $1" ;;
	esac
}

# MODE PATTERN [QEMU-ARG...]: start it, with the disks of guest_disk and 512 MiB of memory, and wait for a line. On a
# host that is too busy the emulated timer may miss the kernel's test of it, which says nothing about us: once more
live_start() {
	local try said
	live_args "$1"
	for try in 1 2 3; do
		guest_start -m 512 -vga std "${LIVE_ARGS[@]}" "${@:3}"
		said=$(guest_wait "$2|Kernel panic.*" $LIVE_BUDGET) || live_failed 'there is no prompt'
		[[ $said == Kernel* ]] || return 0
		[[ $said == *timer* ]] || break
		note "$said ($try)"
		guest_kill
	done
	live_failed "$said"
}

# SENTENCE: end as failed, and keep the screen
live_failed() {
	guest_screendump "$(guest_log_name "$GUEST").png" || true
	tail -n 20 "$GUEST/serial.log" >&2
	fail "$1"
}

# MODE [QEMU-ARG...]: boot the live system up to its prompt on the serial console
live_boot() {
	live_start "$1" 'salvor:~# ' "${@:2}"
	live_settle
}

# the prompt is there before the disks are: wait until they were looked for
live_settle() {
	guest_run 'until [ -e /run/salvor/ready ]; do sleep 1; done'
	guest_run 'dmesg -n 1'
}

# MODE: the firmware is the one that was meant, by its own word to the running system
firmware_is() {
	case $1 in
	*bios*) guest_run '[ ! -e /sys/firmware/efi ]' || fail 'this is UEFI' ;;
	*secure*)
		# four bytes of attributes, then the value
		[ "$(guest_run 'od -An -tu1 /sys/firmware/efi/efivars/SecureBoot-* | tr -d " "')" = 60001 ] ||
			fail 'the firmware does not say SecureBoot=1'
		guest_run '[ -e /sys/kernel/security/lockdown ] || mount -t securityfs securityfs /sys/kernel/security; cat /sys/kernel/security/lockdown' |
			grep -F '[integrity]' || fail 'the kernel is not locked down'
		;;
	*) guest_run '[ -e /sys/firmware/efi ]' || fail 'this is not UEFI' ;;
	esac
}
