#!/usr/bin/env bash
# check-format.sh - every C file is as clang-format with the committed style leaves it
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
cd "$(dirname "$0")/.."
. tests/lib/files.sh
command -v clang-format >/dev/null || {
	echo 'clang-format is not there'
	exit 77
}
c_files | xargs -r clang-format --dry-run -Werror
