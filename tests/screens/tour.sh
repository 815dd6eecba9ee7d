#!/usr/bin/env bash
# tour.sh - every page and every refusal of the interface, compared with the pictures in golden/
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: tour.sh mono|colour|wide|plain|sizes      GOLDEN=new draws the pictures anew (`make golden-screens`)
#
# 80x24 without and with colours, 120x40, plain mode; `sizes` is 80x24 once more with a change of the size on every page.
# The steps are in tour.table: a page that is not in it makes this fail.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
. "$(dirname "$0")/../lib/health.sh"
. "$(dirname "$0")/../lib/faults.sh"
. "$(dirname "$0")/../lib/tour.sh"
. "$(dirname "$0")/../lib/luks.sh"
. "$(dirname "$0")/../lib/hidden.sh"
mode=${1:-mono}
tour_begin "$@"
requires cryptsetup
hidden_disks
export SGDISK_SO

make_tree() {
	mkdir -p "$1/home/me/letters" "$1/etc"
	echo dear >"$1/home/me/letters/aunt"
	random_bytes 1 300000 >"$1/home/me/photo.raw"
	random_bytes 2 100000 >"$1/home/me/broken.raw"
	echo nothing >"$1/etc/passwd"
	find "$1" -exec touch -h -d 2026-01-02T03:04:05Z {} +
}
make_tree "$WORK/tree"

# the system; a disk that is failing; one to write to; the store; the stick; other sectors; one in use
tour_system
same_ext4 "$WORK/sdb" $((48 * MIB)) DATA "$WORK/tree"
poison "$WORK/sdc" $((64 * MIB))
same_ext4 "$WORK/sdd" $((96 * MIB)) BACKUP
poison "$WORK/sde" $((16 * MIB))
poison "$WORK/sdf" $((64 * MIB))
poison "$WORK/sdg" $((64 * MIB))
tour_disk sda 'Samsung SSD 870' S5Y2NJ0R204821F nvme-good
tour_disk sdb 'WD Blue' WCC6Y5U91K7P ata-pending
tour_disk sdc 'Crucial MX500' 2149E5F8C7D1 nvme-good
tour_disk sdd 'SanDisk Extreme' 0A33C
tour_disk sde 'Kingston Salvor' STICK0001
tour_disk sdf 'Ultrastar HC550' 2TKXQ4ND '' 4096
tour_disk sdg 'Toshiba DT01' Z5GXXX1AS ata-worn
# one that is encrypted; it is shown where it belongs to the walk
truncate -s 68M "$WORK/sdh"
same_ext4 "$WORK/secret" $((24 * MIB)) home "$WORK/tree"
printf 'a long passphrase' >"$WORK/key"
to_luks2 "$WORK/secret" "$WORK/key" --uuid 11111111-2222-3333-4444-666666666666
printf '%s\n' 'label: gpt' 'label-id: 11111111-2222-3333-4444-777777777777' \
	'size=56MiB, type=L, name=home, uuid=11111111-2222-3333-4444-000000000003' | write_table "$WORK/sdh" 512
read -r _ start _ < <(list_partitions "$WORK/sdh" 512)
put_in "$WORK/secret.luks" "$WORK/sdh" "$start"
tour_disk sdh 'Lenovo PM981' S3EUNX0K666666 nvme-good
mv "$ROOT/sys/block/sdh" "$ROOT/sys/sdh"

# what they say to commands of ATA, where the walk lets them be asked
shortened_disk sda 131072 2000000 1000
opal_disk sdc 131072 17
echo ATA | tee "$ROOT"/sys/block/sd{a,c}/device/vendor >/dev/null

echo /dev/sde >"$ROOT/run/salvor/boot-medium"
mkdir "$ROOT/store"
mount /dev/sdd "$ROOT/store"
echo "99 1 $(cat "$ROOT/sys/block/sdg/dev") / /home rw - ext4 /dev/sdg rw" >"$ROOT/more-mounts"
mounts

# settings: what the live system has, and its program, which does nothing here
mkdir -p "$ROOT/usr/share/keymaps/i386/qwertz" "$ROOT/usr/share/zoneinfo/Europe" "$WORK/bin"
touch "$ROOT"/usr/share/keymaps/i386/qwertz/{broken,de,de-latin1}.kmap.gz "$ROOT"/usr/share/zoneinfo/Europe/{Berlin,Paris}
# shellcheck disable=SC2016 # for the inner shell
printf '%s\n' '#!/bin/sh' '[ "$3" != broken ]' >"$WORK/bin/live-init"
chmod +x "$WORK/bin/live-init"
PATH=$WORK/bin:$PATH

# cables, and none; names that no machine gives its own
mkdir -p "$ROOT"/sys/class/net/{tour0/device,tour1/device,tour2/device,tour2/wireless} "$ROOT/proc/net" "$ROOT/etc"
echo 1 >"$ROOT/sys/class/net/tour0/carrier"
echo 1000 >"$ROOT/sys/class/net/tour0/speed"
echo 0 >"$ROOT/sys/class/net/tour1/carrier"
printf 'Iface\tDestination\tGateway\tFlags\ntour0\t00000000\t0202000A\t0003\n' >"$ROOT/proc/net/route"
echo nameserver 10.0.2.3 >"$ROOT/etc/resolv.conf"

tour_walk "$mode" "$TOP/tests/screens/tour.table"
tour_covers_all_pages
