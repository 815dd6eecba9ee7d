#!/usr/bin/env bash
# demo-live.sh - the real thing: boot the live image in a virtual machine, save a disk to a second, restore it to a third
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
cd "$(dirname "$0")/.."
. tests/lib/functions.sh
. build-scripts/lib/demo.sh
work_dir demo-live
. tests/lib/guest.sh
. tests/lib/live.sh

# COMMAND: in the machine, as one would type it there
typed() {
	printf '  # %s\n' "$1"
	guest_run "$1" | sed 's/^/  /'
}

say '8. The real thing: a computer with three disks, emulated, starts from the USB stick'
system=$WORK/system.img store=$WORK/store.img spare=$WORK/spare.img
make_corpus "$WORK/files" 400
truncate -s 256M "$system" "$store"
printf '%s\n' 'label: gpt' 'size=40MiB, type=U, name="EFI system"' 'size=120MiB, type=L, name=root' 'size=40MiB, type=S' |
	write_table "$system" 512
list_partitions "$system" 512 >"$WORK/parts"
kinds=(- fat32 ext4 swap)
while read -r n start size; do
	make_fs "${kinds[n]}" "$WORK/volume" "$size" 512
	[ "${kinds[n]}" = swap ] || fill_fs "${kinds[n]}" "$WORK/volume" fragmented "$WORK/files"
	put_in "$WORK/volume" "$system" "$start"
done <"$WORK/parts"
mke2fs -q -F -t ext4 -L backups "$store"
poison "$spare" "$(stat -c %s "$system")"
before=$(sha "$system")
printf '  SYSTEM: 256 MiB, GPT, ESP, ext4 with %s files, swap   STORE: ext4   SPARE: full of other data\n' "$(find "$WORK/files" -type f | wc -l)"
printf '  starting (emulated, this takes a minute or two) ...\n'
guest_new
guest_disk SYSTEM "$system"
guest_disk STORE "$store"
guest_usb_disk SPARE "$spare"
live_boot bios-usb
typed 'salvor disks'

say '9. Save it to the second disk, and verify'
# shellcheck disable=SC2016 # for the shell there
typed 'mount -t ext4 "$(salvor disks | awk "/ STORE / { print \$1 }")" /mnt'
typed 'salvor save --progress=none serial=SYSTEM /mnt/system'
typed 'salvor verify --progress=none /mnt/system --against serial=SYSTEM'

say '10. Restore it to the third'
typed 'salvor restore --progress=none /mnt/system serial=SPARE --confirm-erase SPARE'
typed 'umount /mnt'
guest_run poweroff || true
guest_off 300
guest_kill

say '11. From outside: the same?'
compare_line 'source, before/after' "$before" "$(sha "$system")"
compare_line 'partition table' "$(dump_table "$system" 512 | sha256sum | cut -c 1-64)" "$(dump_table "$spare" 512 | sha256sum | cut -c 1-64)"
for n in 1 2 3; do
	compare_line "partition $n (${kinds[n]})" "$(hash_partition "$system" "$n" "${kinds[n]}")" "$(hash_partition "$spare" "$n" "${kinds[n]}")"
done
verdict
