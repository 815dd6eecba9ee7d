#!/usr/bin/env bash
# hidden.sh - for tests of disks that keep something back: what they answer to ATA commands, see tests/preload/sgdisk.c
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after functions.sh. The program runs with LD_PRELOAD=$SGDISK_SO SGDISK=$SGDISK.

# shellcheck disable=SC2034 # for the scripts that source this
SGDISK_SO=$TOP/${BUILD:-build}/sgdisk.so

# make the folder of the answers
hidden_disks() {
	export SGDISK=$WORK/sgdisk
	mkdir -p "$SGDISK"
}

# FILE WORD=VALUE...: 512 bytes of little endian words, with their checksum
ata_sector() {
	/usr/bin/python3 -c 'import struct, sys
words = [0] * 256
for word in sys.argv[1:]:
    n, value = word.split("=")
    value = int(value, 0)
    for i in range(4 if value > 0xffff or n == "100" else 1):
        words[int(n) + i] = value >> 16 * i & 0xffff
data = bytearray(struct.pack("<256H", *words))
data[510] = 0xA5
data[511] = -sum(data[:511]) & 0xFF
sys.stdout.buffer.write(data)' "${@:2}" >"$1"
}

# DISK SECTORS HPA [DCO]: the disk shows so many sectors of 512 bytes, HPA more are behind its end, and DCO behind those
shortened_disk() {
	ata_sector "$SGDISK/$1.identify" 82=0x400 83=0x4c00 100="$2"
	echo $(($2 + $3 - 1)) >"$SGDISK/$1.native"
	[ -z "${4:-}" ] || ata_sector "$SGDISK/$1.dco" 0=2 3=$(($2 + $3 + $4 - 1))
}

# DISK SECTORS BITS: it has locks of its own (Opal), and this is how they stand: 7 locked, 17 with a shadow MBR
opal_disk() {
	ata_sector "$SGDISK/$1.identify" 48=0x4001 83=0x4400 100="$2"
	{
		printf '\0\0\0\074\0\0\0\001'
		head -c 40 /dev/zero
		printf '%b' "\\0\\002\\020\\014\\x$3"
		head -c 11 /dev/zero
	} >"$SGDISK/$1.discovery"
}

# only questions were sent
only_asked() { [ ! -e "$SGDISK/forbidden" ] || fail "commands that may change a disk: $(cat "$SGDISK/forbidden")"; }
