#!/usr/bin/env bash
# luks.sh - for tests with encrypted volumes: LUKS2 made by cryptsetup of a file, without the device mapper
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after functions.sh.

LUKS2_HEADER=$((16 * MIB))
# keys are derived quickly
LUKS_COST=(--pbkdf argon2id --pbkdf-memory 32 --pbkdf-parallel 1 --pbkdf-force-iterations 4)

# FILE KEYFILE OPTION...: names with their whole path; a LUKS2 volume with a copy of the filesystem in FILE, in FILE.luks; the volume inside is 16 MiB larger
to_luks2() {
	local file=$1 key=$2
	shift 2
	cp "$file" "$file.luks"
	truncate -s +$((2 * LUKS2_HEADER)) "$file.luks"
	# it leaves a file with the UUID in its name where it runs, for as long as it does
	(cd "$WORK" && cryptsetup reencrypt -q --encrypt --type luks2 "${LUKS_COST[@]}" \
		--reduce-device-size $((2 * LUKS2_HEADER)) --key-file "$key" "$@" "$file.luks")
}
