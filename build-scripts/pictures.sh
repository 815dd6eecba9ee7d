#!/usr/bin/env bash
# pictures.sh - a picture of each page of the interface, 80x24 in colours, into docs/pages/
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [BUILD=build] build-scripts/pictures.sh      as root, after `make iso`, whose console font draws them
set -eu -o pipefail
. "$(dirname "$0")/../tests/lib/functions.sh"
. "$TOP/tests/lib/screens.sh"
. "$TOP/tests/lib/health.sh"
. "$TOP/tests/lib/faults.sh"
. "$TOP/tests/lib/luks.sh"
requires tmux mke2fs mkfs.fat mkntfs cryptsetup
requires_loop
work_dir pictures
# a whole backup is waited for, however slow the machine is
SEE_TRIES=3000
# a short name: it can be read on the pages
short_root=/run/pc
[ ! -e "$short_root" ] || fail "$short_root is in the way"
make_root
mv "$ROOT" "$short_root"
ROOT=$short_root
cleanup_fn rm -rf -- "$short_root"
fake_smartctl
font=$TOP/${BUILD:-build}/iso/root/usr/share/consolefonts/salvor-512-16.psf
[ -s "$font" ] || skip 'there is no console font (make iso)'
out=$TOP/docs/pages
mkdir -p "$out"

# NAME: the screen as it is now
picture() {
	local x y
	read -r x y < <(tmux -S "$TMUX_SOCKET" display-message -p -t screen '#{cursor_x} #{cursor_y}')
	tmux -S "$TMUX_SOCKET" capture-pane -e -N -p -t screen |
		"$TOP/build-scripts/ansi2png.py" "$font" 80 24 "$x" "$y" "$out/$1.png"
	note "docs/pages/$1.png"
}

# FILE MIB KIND:MIB...: a disk with these partitions, in use
make_disk() {
	local file=$1 n start size kinds=("${@:3}") lines='label: gpt' kind
	truncate -s "$2M" "$file"
	for kind in "${kinds[@]}"; do
		lines+=$'\n'"size=${kind#*:}MiB"
	done
	write_table "$file" 512 <<<"$lines"
	list_partitions "$file" 512 >"$WORK/parts"
	while read -r n start size; do
		kind=${kinds[n - 1]%:*}
		make_fs "$kind" "$WORK/volume" "$size" 512
		fill_fs "$kind" "$WORK/volume" fragmented "$WORK/files-$([ "$kind" = fat32 ] && echo small || echo large)"
		put_in "$WORK/volume" "$file" "$start"
	done <"$WORK/parts"
}

make_corpus "$WORK/files-small" 30
make_corpus "$WORK/files-large" 60
head -c 40000000 /dev/urandom >"$WORK/files-large/photos.bin"
make_disk "$WORK/system" 256 fat32:40 ntfs:120 ext4:80
make_disk "$WORK/old" 160 ext4:150
poison "$WORK/new" $((300 * MIB))
truncate -s 48M "$WORK/secret"
mke2fs -q -F -t ext4 -L private "$WORK/secret"
printf 'a long passphrase' >"$WORK/key"
to_luks2 "$WORK/secret" "$WORK/key"
truncate -s 512M "$WORK/usb"
mke2fs -q -F -t ext4 -L BACKUP "$WORK/usb"
attach_loop "$WORK/system" 512
show_disk "$LOOP" 'Samsung SSD 870 EVO' S5Y2NJ0R204821F
answer_of "${LOOP##*/}" nvme-good
attach_loop "$WORK/old" 512
old=$LOOP
show_disk "$LOOP" 'WD Blue WD10EZEX' WCC6Y5U91K7P
answer_of "${LOOP##*/}" ata-pending
attach_loop "$WORK/new" 512
show_disk "$LOOP" 'Crucial MX500' 2149E5F8C7D1
answer_of "${LOOP##*/}" nvme-good
attach_loop "$WORK/secret.luks" 512
secret=$LOOP
attach_loop "$WORK/usb" 512
show_disk "$LOOP" 'SanDisk Extreme' 0A33C

start_screen 80 24
see 'What do you want to do?'
see '4 disks found'
see '! 42 sectors'
picture home
keys 1
see 'Which disk do you want to SAVE?'
see 'ntfs 125'
picture source
choose 'S5Y2NJ0R204821F'
keys p
see 'Which partitions of this disk?'
picture parts
keys Escape
choose 'S5Y2NJ0R204821F'
keys Enter
see 'Where should the image of disk'
choose 'BACKUP'
picture place
keys f
see 'Which disk should become'
choose '2149E5F8C7D1'
picture format
keys Enter
see 'THIS ERASES A DISK'
picture format-check
keys Escape Escape
see 'Where should the image of disk'
choose 'BACKUP'
keys Enter
see '/places/loop'
choose 'Image'
keys C-u
type_text laptop
choose 'Go on'
keys Enter
see 'START the backup'
picture review
choose 'Compression'
keys Right Right
choose 'START'
keys Enter
see ' left'
sleep 4
picture progress
see 'DONE, AND CHECKED.'
picture result
keys Enter
see 'What do you want to do?'
keys 2
see 'Where are the images?'
choose 'Go on'
keys Enter
see 'Which image in'
picture image
keys Enter
see 'Which disk should be OVERWRITTEN'
choose '2149E5F8C7D1'
picture target
keys Enter
see 'THIS ERASES A DISK'
picture erase
keys Escape Escape Escape Escape
see 'What do you want to do?'
keys 5
choose 'Go on'
keys Enter
keys Enter
see 'laptop'
picture contents
keys Escape Escape Escape
see 'What do you want to do?'
keys 6
see 'They are only asked'
picture disks
keys Escape
keys 1
choose 'S5Y2NJ0R204821F'
keys Enter
choose 'A folder on another machine'
keys Enter
see 'Windows share or NAS'
picture share
keys F1
see 'Keys'
picture help
keys Escape Escape Escape Escape Escape
see 'What do you want to do?'
umount "$ROOT/run/salvor/places/${LOOP##*/}"
keys 7
see 'On which volume are the files?'
choose 'BACKUP'
keys Enter
see 'Copy what is marked'
choose 'laptop/'
keys Space
picture files
keys Escape Escape
see 'What do you want to do?'
keys 9
see 'Try keys here'
picture settings
keys Escape
mkdir -p "$ROOT"/sys/class/net/enp3s0/device "$ROOT/proc/net"
echo 1 >"$ROOT/sys/class/net/enp3s0/carrier"
echo 1000 >"$ROOT/sys/class/net/enp3s0/speed"
keys n
see 'cable: connected'
picture network
keys Escape
see 'What do you want to do?'
end_screen

# a disk that is encrypted, for as long as it takes
show_disk "$secret" 'Lenovo PM981' S3EUNX0K666666
start_screen 80 24
see '5 disks found'
keys 1
see 'Which disk do you want to SAVE?'
keys End
see 'Unlock disk #5'
keys u
see 'Unlock what is encrypted'
type_text nonsense
picture unlock
end_screen
rm -r "$ROOT/sys/block/${secret##*/}"

# the live system, where the language is asked for first
start_screen 80 24 SALVOR_LIVE=1
see 'Go on in English'
picture welcome
end_screen

# the rescue of the old disk: some of it is bad, and a read in its free space does not come back before the gate is there
start_screen 80 24 FAULTIO_GATE="$WORK/gate" LD_PRELOAD="$FAULTIO_SO" \
	FAULTIO="$old:r:130000000:130100000:W:0:1 $old:r:20000256:20090000:5 $old:r:61000192:61000704:5 $old:r:97000448:99500032:5"
see '! 42 sectors'
keys 4
choose 'WCC6Y5U91K7P'
keys Enter
choose '2149E5F8C7D1'
keys Enter
see 'Where should the map of the rescue live?'
choose 'BACKUP'
keys Enter
see '/places/loop'
picture rescue-map-place
choose 'Go on'
keys Enter
choose 'Serial ends'
type_text c7d1
picture rescue-review
choose 'ERASE'
keys Enter
see 'does not answer'
picture rescue
touch "$WORK/gate"
see 'DONE, BUT SOME AREAS COULD NOT BE READ.'
picture rescue-result
keys f
see 'Which files were hit'
picture rescue-files
umount "$ROOT/run/salvor/places/${LOOP##*/}"
