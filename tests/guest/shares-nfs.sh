#!/usr/bin/env bash
# shares-nfs.sh - a store on an NFS server: save, restore, every step that can fail, a server that dies
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The guest has the kernel's NFS client and reaches the server on the host's loopback.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
work_dir shares-nfs
. "$TOP/tests/lib/guest.sh"
. "$TOP/tests/lib/nfsd.sh"
. "$TOP/tests/lib/share.sh"
nfsd_setup
share_guest

nas=nfs://nas:$NFS_PORT
url=$nas/store

share_passes "$url" 'NFS 4.2'
share_round_trip "$url"
mkdir "$WORK/store/deep" "$WORK/store/deep/er"
share_passes "$url/deep/er" 'NFS 4.2'

note 'each step that fails is named'
share_fails 5 'no name server knows' name nfs://no-such-host.invalid/store
share_fails 8 'nothing listens on its port' port "nfs://nas:$(free_port)/store"
# an export for others is not even shown
share_fails 5 'there is no folder /private' folder "$nas/private"
share_fails 5 'there is no folder /nothing' folder "$nas/nothing"
share_fails 5 'there is no folder' folder "$url/deep/nothing"
share_fails 8 'give this user the right to write' write "$nas/locked"
expect_rc 8 guest_run "salvor save --progress=none serial=SOURCE $nas/locked/x"
expect_said 'x.part'

share_server_dies "$url" nfsd_stop nfsd_start
share_signals "$url"
