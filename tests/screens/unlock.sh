#!/usr/bin/env bash
# unlock.sh - encrypted volumes unlocked on the pages: wrong and right passphrases, saved, gone on with, cloned, rescued; none is left
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
. "$(dirname "$0")/../lib/faults.sh"
. "$(dirname "$0")/../lib/luks.sh"
requires tmux mke2fs sfdisk cryptsetup jq
requires_loop
work_dir screens-unlock
make_root
phrase='rather a long one'
wrong='nobodys phrase'
printf %s "$phrase" >"$WORK/key"

# an open partition, and an encrypted one with 9 MB of noise in 40 MiB
mkdir "$WORK/files" "$WORK/store"
head -c 9000000 /dev/urandom >"$WORK/files/noise"
truncate -s 8M "$WORK/boot"
mke2fs -q -F -t ext4 -L boot "$WORK/boot"
truncate -s 24M "$WORK/home"
mke2fs -q -F -t ext4 -b 4096 -L home -d "$WORK/files" "$WORK/home"
to_luks2 "$WORK/home" "$WORK/key"
truncate -s 68M "$WORK/source"
printf '%s\n' 'label: gpt' 'size=8MiB, name=boot' 'size=56MiB, name=home' | write_table "$WORK/source" 512
while read -r n start _; do
	put_in "$WORK/$([ "$n" = 1 ] && echo boot || echo home.luks)" "$WORK/source" "$start"
done < <(list_partitions "$WORK/source" 512)
attach_loop "$WORK/source" 512
source=$LOOP
show_disk "$source" 'Samsung SSD 870' S5Y2NJ0R204821F
before=$(sha "$WORK/source")

pid_of_screen() { pgrep -P "$(tmux -S "$TMUX_SOCKET" display -p -t screen '#{pane_pid}')"; }

# TEXT: how often it is in what the program can write to, in its arguments and in its environment
times_in_memory() {
	/usr/bin/python3 - "$(pid_of_screen)" "$1" <<-'END'
		import sys
		pid, text = sys.argv[1], sys.argv[2].encode()
		n = 0
		with open(f"/proc/{pid}/mem", "rb", 0) as mem:
		    for line in open(f"/proc/{pid}/maps"):
		        span, mode = line.split()[:2]
		        low, high = (int(x, 16) for x in span.split("-"))
		        # not the shadows of a sanitizer
		        if not mode.startswith("rw") or high - low > 1 << 30:
		            continue
		        try:
		            mem.seek(low)
		            n += mem.read(high - low).count(text)
		        except OSError:
		            pass
		for name in "cmdline", "environ":
		    n += open(f"/proc/{pid}/{name}", "rb").read().count(text)
		print(n)
	END
}
in_memory() { [ "$(times_in_memory "$1")" = "$2" ] || fail "'$1' is $(times_in_memory "$1") times in memory, not $2 times"; }

last_line() { screen | grep . | tail -n 1; }

to_sources() {
	see 'What do you want to do?'
	see '1 disk found'
	keys "$1"
	see 'It is only read, never changed.'
	see 'Partition 2: encrypted and locked'
}

# NAME: from the list of disks to the last page, for an image of that name
to_review() {
	choose 'S5Y2NJ0R204821F'
	keys Enter
	see 'Where should the image of disk'
	fill_in 'Folder' "$WORK/store"
	fill_in 'Image' "$1"
	choose 'Go on'
	keys Enter
}

# TEXT: the passphrase, typed and tried
try_phrase() {
	see 'Unlock what is encrypted'
	choose 'Passphrase'
	type_text "$1"
	see_not "$1"
	keys Enter
}

note 'locked, and said so; a wrong passphrase is one sentence, and back is back'
start_screen 80 24 NO_COLOR=1
to_sources 1
see 'Unlock disk #1, so that only what is in use is read'
keys u
see 'type the passphrase first'
try_phrase "$wrong"
see 'Wrong passphrase: it opens nothing on this disk.'
see '[]'
keys F4
see 'not unlocked'
see_not "$wrong"
keys Escape
see 'Wrong passphrase'
keys Escape
see 'Which disk do you want to SAVE?'
see 'Partition 2: encrypted and locked'
in_memory "$wrong" 0

note 'the right one: what is inside is told, and less is read'
keys u
try_phrase "$phrase"
see 'Which disk do you want to SAVE?'
see 'Partition 2: LUKS2, unlocked: ext4 inside'
see 'Disk #1 is unlocked; lock it again'
in_memory "$phrase" 1
see_not 'encrypted and locked'
keys p
see 'Which partitions of this disk?'
see 'LUKS2, unlocked: ext4 inside'
keys Escape
see 'Which disk do you want to SAVE?'

note 'locked again nothing of it is left; the choices are'
keys u
choose 'Lock it again'
keys Enter
see 'Which disk do you want to SAVE?'
see 'Partition 2: encrypted and locked'
in_memory "$phrase" 0

note 'from the last page, too; saved, and the command says how'
to_review one
see 'START the backup'
see_not '--unlock'
keys u
try_phrase "$phrase"
see 'START the backup'
see 'Partition 2: LUKS2, unlocked: ext4 inside'
see_path '--preset normal --unlock'
choose 'START'
keys Enter
see 'DONE, AND CHECKED.'
keys l
see 'salvor save serial='
see_not "$phrase"
keys Escape Escape
see 'What do you want to do?'
expect_rc 0 salvor show --json "$WORK/store/one"
jq -e '.partitions[1] | .fs == "crypto_LUKS" and .state == "exact" and .used < 50000000' "$WORK/out" >/dev/null || fail 'it was saved whole'
expect_rc 0 salvor verify --against "$WORK/source" "$WORK/store/one"
! grep -raFq "$phrase" "$WORK/store/one" || fail 'it is in the image'
in_memory "$phrase" 1
end_screen

note 'begun unlocked, stopped, and gone on with after a restart: not before it is unlocked'
GATE=$WORK/gate
rm -f "$GATE"
start_screen 80 24 NO_COLOR=1 ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" LD_PRELOAD="$FAULTIO_SO" \
	FAULTIO_GATE="$GATE" FAULTIO='two.part/disk.img:w:0:0:W:1:1'
cleanup_fn touch "$GATE"
to_sources 1
keys u
try_phrase "$phrase"
see 'Which disk do you want to SAVE?'
to_review two
see 'START the backup'
keys Enter
see 'copying'
keys s
touch "$GATE"
see 'STOPPED.'
end_screen
mkdir -p "$ROOT$WORK"
start_screen 80 24 NO_COLOR=1
to_sources 1
to_review two
see 'it was begun with an encrypted volume unlocked: unlock it first'
keys u
try_phrase "$phrase"
see 'GO ON with the unfinished backup'
see_not 'unlock it first'
choose 'GO ON'
keys Enter
see 'DONE, AND CHECKED.'
keys Escape
expect_rc 0 salvor verify --against "$WORK/source" "$WORK/store/two"

note 'cloned: free space of the encrypted volume is left as it is on the target'
poison "$WORK/target" $((68 * MIB))
attach_loop "$WORK/target" 512
show_disk "$LOOP" 'Crucial MX500' 2149E5F8C7D1
see '2 disks found'
keys 3
see 'Which disk do you want to CLONE?'
see 'Partition 2: LUKS2, unlocked: ext4 inside'
choose 'S5Y2NJ0R204821F'
keys Enter
see 'OVERWRITTEN'
choose '2149E5F8C7D1'
keys Enter
see 'THIS ERASES A DISK'
choose 'Serial ends'
type_text c7d1
choose 'ERASE'
keys Enter
see 'DONE, AND CHECKED.'
expect_rc 0 salvor map --extents --key-file "$WORK/key" "$WORK/source"
"$ORACLE" compare "$WORK/source" "$WORK/target" "$WORK/out"
keys Escape

note 'rescued: only what is in use'
see 'What do you want to do?'
keys 4
see 'Which disk is FAILING?'
choose 'S5Y2NJ0R204821F'
keys Enter
see 'OVERWRITTEN'
choose 'Into a file'
keys Enter
see 'Where should the copy'
fill_in 'Name' three
choose 'Go on'
keys Enter
see 'is unlocked; lock it again'
choose 'Read'
keys Right
see 'only what is in use'
see '--unlock'
choose 'START'
keys Enter
see 'DONE: ALL THAT WAS CHOSEN WAS READ.'
end_screen
read -r _ blocks < <(du -B1 "$WORK/store/three.raw" | awk '{ print 0, $1 }')
[ "$blocks" -lt 60000000 ] || fail "$blocks bytes were rescued"

note 'line by line: typed without an echo'
start_screen 80 40 SALVOR_UI=plain
see '? help'
keys 1 Enter
# a page is said once: what is found out meanwhile, when it is asked for
for _ in $(seq 100); do
	! screen | has -F 'Partition 2: encrypted and locked.' || break
	keys r Enter
	sleep 0.3
done
see 'Partition 2: encrypted and locked.'
keys u Enter
see 'Unlock what is encrypted.'
see 'Passphrase: nothing yet'
keys 1 Enter
see 'Passphrase?' last_line
type_text "$wrong"
keys Enter
see 'Passphrase: typed, and not shown'
see_not "$wrong"
keys 2 Enter
see 'Wrong passphrase'
keys 1 Enter
see 'Passphrase?' last_line
type_text "$phrase"
keys Enter
see '2. Unlock'
keys 2 Enter
see 'Partition 2: LUKS2, unlocked: ext4 inside.'
see_not "$phrase"
in_memory "$phrase" 1
in_memory "$wrong" 0
end_screen
[ "$(sha "$WORK/source")" = "$before" ] || fail 'the source was written'
