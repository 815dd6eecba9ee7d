#!/usr/bin/env bash
# hangs.sh - disks, stores and programs that do not answer: every key is dealt with, every page can be left
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
. "$(dirname "$0")/../lib/health.sh"
. "$(dirname "$0")/../lib/faults.sh"
. "$(dirname "$0")/../lib/tour.sh"
tour_begin "$@"
tour_system
mkdir "$WORK/tree"
echo dear >"$WORK/tree/aunt"
same_ext4 "$WORK/sdb" $((24 * MIB)) DATA "$WORK/tree"
same_ext4 "$WORK/sdd" $((96 * MIB)) BACKUP
tour_disk sda 'Samsung SSD 870' S5Y2NJ0R204821F nvme-good
tour_disk sdb 'WD Blue' WCC6Y5U91K7P ata-pending
tour_disk sdd 'SanDisk Extreme' 0A33C
mkdir "$ROOT/store"
mount /dev/sdd "$ROOT/store"
mounts
"$SALVOR" save "$WORK/sdb" "$ROOT/store/system" -q
tour_walk mono "$TOP/tests/screens/hangs.table"
