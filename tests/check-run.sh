#!/usr/bin/env bash
# check-run.sh - what the runner makes of tests that pass, are skipped, fail, or pass while a sanitizer has found something
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
cd "$(dirname "$0")/.."
mkdir -p "${BUILD:-build}/tmp"
dir=$(mktemp -d "${BUILD:-build}/tmp/check-run.XXXXXX")
trap 'rm -rf -- "${dir:?}"' EXIT

# NAME: a test, from stdin
make_test() {
	printf '#!/bin/bash\n' >"$dir/$1"
	cat >>"$dir/$1"
	chmod +x "$dir/$1"
}

# EXIT CODE, TEXT, TEST...: the runner ends so and says that
expect() {
	local want=$1 text=$2 rc=0
	shift 2
	BUILD=$dir tests/run.sh "${@/#/$dir/}" >"$dir/said" || rc=$?
	[ "$rc" = "$want" ] && grep -qF -- "$text" "$dir/said" && return
	cat "$dir/said"
	echo "FAILED: ended with $rc, or did not say: $text"
	exit 1
}

make_test good <<<'exit 0'
make_test poor <<<'echo no root; exit 77'
make_test bad <<<'exit 1'
# a process that is killed later, or whose exit code nobody asks for: what it found is in its own file
# shellcheck disable=SC2016 # for that test
make_test found <<<'echo "a data race" >"${TSAN_OPTIONS##*log_path=}.7"'

expect 0 '1 passed, 0 failed, 1 skipped' good poor
expect 1 '1 passed, 1 failed, 0 skipped' good bad
expect 1 'a data race' good found
expect 1 '1 passed, 1 failed, 0 skipped' good found
