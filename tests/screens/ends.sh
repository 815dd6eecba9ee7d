#!/usr/bin/env bash
# ends.sh - left, hung up, killed or crashed: the terminal is as it was before
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
. "$(dirname "$0")/../lib/health.sh"
. "$(dirname "$0")/../lib/faults.sh"
. "$(dirname "$0")/../lib/tour.sh"
tour_begin "$@"
truncate -s 8M "$WORK/sda"
tour_disk sda 'Samsung SSD 870' S5Y2NJ0R204821F nvme-good
# no core files of the crashes, and a sanitizer must not call them a finding of its own
ulimit -c 0
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:handle_segv=0:handle_abort=0" TSAN_OPTIONS="${TSAN_OPTIONS:-}:handle_segv=0:handle_abort=0"
for mode in mono plain; do
	tour_walk "$mode" "$TOP/tests/screens/ends.table"
done
