#!/usr/bin/env bash
# lint-deep.sh - clang-tidy over engine and command; a finding is an error (.clang-tidy has the checks)
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
cd "$(dirname "$0")/.."
. tests/lib/files.sh
command -v clang-tidy >/dev/null || {
	echo 'lint-deep: clang-tidy is not there; build-scripts/install-deps.sh installs it' >&2
	exit 1
}
tidy() {
	local known=(-include build-scripts/analyser.h)
	# the files that define those calls cannot have them as macros
	! grep -q -E '^int (sv_fail|fsmap_whole)\(' "$1" || known=()
	clang-tidy --quiet "$1" -- "${known[@]}" -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
		'-DSALVOR_VERSION="0"' -I. -Ibuild/gen 2>/dev/null
}
export -f tidy
# the inner shell expands its own argument
# shellcheck disable=SC2016
files_named '*.c' engine cli tui | xargs -r -n 1 -P "${JOBS:-$(nproc)}" bash -c 'tidy "$1"' tidy
