#!/usr/bin/env bash
# shares-smb.sh - a store on a Samba server: save, restore, every step that can fail, a server that dies
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The guest has the kernel's SMB client and reaches the server on the host's loopback.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
work_dir shares-smb
. "$TOP/tests/lib/guest.sh"
. "$TOP/tests/lib/smbd.sh"
. "$TOP/tests/lib/share.sh"
smbd_setup
share_guest

nas=nas:$SMB_PORT
url=smb://anna@$nas/backup
guest_run "printf '%s\n' '$SMB_PASSWORD' >/tmp/password; echo wrong >/tmp/wrong"
SHARE_OPTIONS='--password-file /tmp/password'

share_passes "$url" 'SMB 3.1.1' "$SHARE_OPTIONS"
share_passes "smb://$nas/public" 'SMB 3.1.1'
share_round_trip "$url"

note 'each step that fails is named'
share_fails 5 'no name server knows' name smb://no-such-host.invalid/backup
share_fails 8 'nothing listens on its port' port "smb://anna@nas:$(free_port)/backup" "$SHARE_OPTIONS"
share_fails 8 'wrong user or password' login "$url" --password-file /tmp/wrong
share_fails 2 'no terminal' login "$url"
share_fails 8 'lets no guest into backup' login "smb://$nas/backup"
share_fails 5 'has no share called nothing' folder "smb://anna@$nas/nothing" "$SHARE_OPTIONS"
share_fails 5 'there is no folder /a/b' folder "$url/a/b" "$SHARE_OPTIONS"
share_fails 8 'give this user the right to write' write "smb://anna@$nas/locked" "$SHARE_OPTIONS"
expect_rc 8 guest_run "salvor save --progress=none serial=SOURCE smb://anna@$nas/locked/x $SHARE_OPTIONS"
expect_said 'x.part'

note 'the password is seen nowhere'
share_begin_save "$url/secret"
guest_slow SOURCE "$MIB"
guest_run "! grep -lF 'b c,,' /proc/[0-9]*/cmdline /proc/[0-9]*/environ /proc/mounts &&
	! find /run -xdev -type f -exec grep -lF 'b c,,' {} + | grep ." || fail 'the password is seen'
guest_run "! dmesg | grep -F 'b c,,'" || fail 'the kernel log has the password'
guest_run 'killall -INT salvor'
expect_rc 20 guest_finish
guest_slow SOURCE 0

share_server_dies "$url" smbd_stop smbd_start
share_signals "$url"

# it takes connections and says nothing: the kernel repeats a write for ever then, and lets nobody end the process
note 'a server that hangs is given up, too: told at once, and the end when the kernel lets go'
share_begin_save "$url/hangs"
smbd_signal STOP
guest_until "grep -q 'does not answer any more' /tmp/job.err"
smbd_signal CONT
expect_rc 8 guest_finish
[ ! -e "$WORK/store/hangs" ] || fail 'there is an image, as if it were complete'
# what the kernel did not let go is cleaned up by the next start
guest_run 'salvor disks >/dev/null'
share_gone 'a server that hangs'
guest_slow SOURCE 0

note 'older dialects are used and named'
for dialect in SMB3_02:3.0.2 SMB3_00:3.0 SMB2_10:2.1; do
	smbd_stop
	SMB_NEWEST=${dialect%:*}
	smbd_start
	share_passes "$url" "SMB ${dialect#*:}" "$SHARE_OPTIONS"
done
