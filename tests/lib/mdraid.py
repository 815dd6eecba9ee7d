#!/usr/bin/env python3
# mdraid.py - the superblock of a disk of a Linux software RAID put into an image, as mdadm would write it
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: mdraid.py IMAGE VERSION DATA SIZE ROOM [FIELD=VALUE]...
#   VERSION 0.90, 1.0, 1.1 or 1.2; where data begin, how much the array uses, how much it could, in bytes
#   FIELD   level, disks, bitmap (1: has one), resync (sectors), features, role, size (sectors), big (1: big endian), state
import struct
import sys

MAGIC, SECTOR, SUPER = 0xA92B4EFC, 512, 4096
UUID = bytes(range(16))


def fold(words):
    total = sum(words)
    return ((total & 0xFFFFFFFF) + (total >> 32)) & 0xFFFFFFFF


def version_1(place, minor, data, size, room, field):
    bitmap = field.get('bitmap', 0)
    features = field.get('features', bitmap)
    roles = struct.pack('<HH', field.get('role', 0), 1) + b'\xfe\xff' * 126
    b = bytearray(SUPER)
    struct.pack_into('<IIII16s32s', b, 0, MAGIC, 1, features, 0, UUID, b'host:name')
    struct.pack_into('<QiIQIIi', b, 64, 1700000000, field.get('level', 1), 0, field.get('size', size // SECTOR), 0,
                     field.get('disks', 2), (-16 if minor == 0 else 8) if bitmap else 0)
    struct.pack_into('<QQQQII16sBBHi', b, 128, data // SECTOR, room // SECTOR, place // SECTOR, 0, 0, 0, UUID, 0, 9, 8,
                     -8 if minor == 0 else 16)
    struct.pack_into('<QQQII', b, 192, 1700000001, 17, field.get('resync', 0xFFFFFFFFFFFFFFFF), 0, len(roles) // 2)
    b[256:256 + len(roles)] = roles
    struct.pack_into('<I', b, 216, fold(struct.unpack(f'<{64 + len(roles) // 4}I', b[:256 + len(roles)])))
    return b


def version_0(size, field):
    order = '>' if field.get('big') else '<'
    words = [0] * (SUPER // 4)
    words[0:17] = [MAGIC, 0, field.get('minor', 90), 0, 0, 1, 1700000000, field.get('level', 1) & 0xFFFFFFFF, size // 1024,
                   2, field.get('disks', 2), 0, 0, 2, 3, 4, 0]
    words[32:40] = [1700000001, field.get('state', 1 | field.get('bitmap', 0) << 8), 2, 2, 0, 0, 0, 17]
    words[128:133] = words[992:997] = [0, 8, 1, 0, field.get('role', 6)]
    words[160:165] = [1, 8, 17, 1, 6]
    words[38] = fold(words)
    return struct.pack(f'{order}{len(words)}I', *words)


def main():
    path, version = sys.argv[1:3]
    data, size, room = (int(n) for n in sys.argv[3:6])
    field = {name: int(value, 0) for name, value in (arg.split('=') for arg in sys.argv[6:])}
    with open(path, 'r+b') as disk:
        end = disk.seek(0, 2)
        place = {'1.0': (end // SECTOR - 16) // 8 * 8 * SECTOR, '1.1': 0, '1.2': 8 * SECTOR,
                 '0.90': end // 65536 * 65536 - 65536}[version]
        disk.seek(place)
        disk.write(version_0(size, field) if version == '0.90' else version_1(place, int(version[2:]), data, size, room, field))


main()
