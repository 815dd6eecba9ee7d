#!/usr/bin/env bash
# guest-script.sh - scripts that run in a guest, with what its shell is told beforehand; two disks and a store
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after guest.sh. The script defines inside(), which prints what the guest's shell shall know.

# what inside() prints, for guest_script
guest_tell() {
	guest_run "cat >/tmp/inside <<'X'
$(inside)
X"
}

# COMMANDS: in the guest, as one script that ends at its first failure, which is shown
guest_script() {
	# a list with || would not end there
	guest_run "(set -e; . /tmp/inside; $1) >/tmp/said 2>&1; code=\$?; [ \$code = 0 ] || cat /tmp/said; exit \$code"
}

# FOLDER: the machine, with the disks A and B from there, and the store
boot_with() {
	guest_new
	guest_disk A "$1/a"
	guest_disk B "$1/b"
	guest_disk STORE "$WORK/store"
	guest_boot -smp 1
	guest_tell
	guest_mount STORE ext4
}
