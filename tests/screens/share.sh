#!/usr/bin/env bash
# share.sh - a backup to an SSH server through the pages: each step named, an unknown key, a wrong password, then done
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
. "$(dirname "$0")/../lib/sshd.sh"
requires tmux mke2fs
requires_loop
work_dir screens-share
make_root
sshd_setup

truncate -s 24M "$WORK/source"
printf '%s\n' 'label: gpt' 'size=16MiB, type=L, name=root' | write_table "$WORK/source" 512
read -r _ start size < <(list_partitions "$WORK/source" 512)
make_fs ext4 "$WORK/volume" "$size" 512
make_corpus "$WORK/files" 50
fill_fs ext4 "$WORK/volume" fragmented "$WORK/files"
put_in "$WORK/volume" "$WORK/source" "$start"
attach_loop "$WORK/source" 512
show_disk "$LOOP" 'Samsung SSD 870' S5Y2NJ0R204821F
mkdir "$WORK/store"

note 'a server that does not exist fails at its name'
start_screen 80 24 NO_COLOR=1 HOME="$WORK/home"
see 'What do you want to do?'
keys 1
see 'Which disk do you want to SAVE?'
choose 'S5Y2NJ0R204821F'
keys Enter
see 'Where should the image of disk'
choose 'A folder on another machine'
keys Enter
see 'Windows share or NAS'
choose 'Address'
type_text 'sftp://nobody.invalid/x'
choose 'Connect'
keys Enter
see '[FAILED]  name'

note 'an unknown key is shown and asked about, never taken silently'
fill_in 'Address' "sftp://salvortest@localhost:$SSH_PORT$WORK/store"
choose 'Connect'
keys Enter
see 'is not known'
see "$SSH_KEY"
see '[ok]      protocol'
choose 'Password'
type_text 'wrong'
see_not 'wrong'
choose 'Trust'
keys Enter
see 'wrong password, or none of the keys'
see_not 'is not known'

note 'with the right one it becomes the place'
fill_in 'Password' "$SSH_PASSWORD"
choose 'Connect'
keys Enter
see 'Where should the image of disk'
fill_in 'Image' desk
choose 'Go on'
keys Enter
see 'START the backup'
keys Enter
see 'DONE, AND CHECKED.'
keys l
see 'is mounted with SFTP'
! screen | has -F -- "$SSH_PASSWORD" || fail 'the password is in the log'
"$SALVOR" verify "$WORK/store/desk" --against "$WORK/source" >/dev/null || fail 'the image is not the disk'

note 'nothing stays mounted'
keys Escape Escape
see 'What do you want to do?'
keys q
choose 'Leave'
keys Enter
ended_with 0
! grep -F "$ROOT/run/salvor/shares" /proc/self/mounts || fail 'still mounted'
