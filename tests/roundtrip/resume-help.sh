#!/usr/bin/env bash
# resume-help.sh - a save that was begun with keys or other disks, or without, is gone on with alike, or says what differs
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$TOP/tests/lib/faults.sh"
. "$TOP/tests/lib/luks.sh"
. "$TOP/tests/lib/lvm.sh"
requires jq lvm mke2fs debugfs cryptsetup
requires_loop
work_dir resume-help
cd "$WORK"
SIZE=$((181 * MIB))
printf 'a long passphrase' >key

# NAME OPTION...: a save of the first disk that is interrupted
begin() {
	expect_rc 20 with_faults "$1.part/disk.img:w:0:0:I:1:1" "$SALVOR" save --preset fast --threads 1 "${@:2}" old/a "$1"
	[ -d "$1.part" ] || fail 'the save was not interrupted'
}

# TEXT NAME OPTION...: it is not gone on with, and stays as it is
refused() {
	local sum
	sum=$(tree_hash "$2.part")
	expect_rc 6 salvor save --resume "${@:3}" old/a "$2"
	has "$1" <err || fail "not said: $1: $(cat err)"
	! has 'has changed' <err || fail 'the source has not changed'
	[ "$(tree_hash "$2.part")" = "$sum" ] || fail 'the unfinished image was touched'
}

# NAME OPTION...: it is, from where it was
resumed() {
	expect_rc 0 salvor save --resume --json "${@:2}" old/a "$1"
	[ "$(jq -s '.[0].resumed_from' out)" -gt 0 ] || fail "it did not continue: $(head -n 1 out)"
	expect_rc 0 salvor verify "$1"
}

note 'a group of two disks, one of its volumes encrypted'
mkdir old
make_group_of_two "$WORK/old" "$SIZE"
head -c $((30 * MIB)) /dev/urandom >noise
for volume in linear:80 striped:56 mixed:76; do
	name=${volume%:*}
	make_fs ext4 "$name" $((${volume#*:} * MIB)) 512
	echo "write noise noise" | _debugfs "$name"
done
to_luks2 "$WORK/striped" "$WORK/key"
mv striped.luks striped
for name in linear striped mixed; do lay put $name $name old; done
detach_both

note 'begun with both'
begin both --with old/b --key-file key
refused 'continue it with --unlock or --key-file' both --with old/b
refused 'continue it with --unlock or --key-file' both
refused 'the disk with its physical volume .* is not attached (see --with), and both.part was begun otherwise: continue it with that disk' \
	both --unlock </dev/null
cp old/b twin
refused 'two attached disks .*, and both.part was begun otherwise' both --key-file key --with old/b --with twin
resumed both --with old/b --key-file key

note 'begun without the key, and without the other disk'
begin locked --with old/b
refused 'an encrypted volume is unlocked, and locked.part was begun otherwise: continue it without its key' \
	locked --with old/b --key-file key
resumed locked --with old/b
begin alone
refused 'vg lies on old/b, too, and alone.part was begun otherwise: continue it without that disk' alone --with old/b
resumed alone
