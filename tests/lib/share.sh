#!/usr/bin/env bash
# share.sh - stores on servers of the host, seen from the test guest
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after functions.sh, work_dir and guest.sh. The guest knows the host as "nas". $SHARE_OPTIONS
# go to every command.

SHARE_OPTIONS=
SHARE_SIZE=$((48 * MIB))

# a guest with a disk SOURCE of random data, one TARGET, and a network card
share_guest() {
	head -c "$SHARE_SIZE" /dev/urandom >"$WORK/source.img"
	SOURCE_SHA=$(sha "$WORK/source.img")
	poison "$WORK/target.img" "$SHARE_SIZE"
	guest_new
	guest_disk SOURCE "$WORK/source.img"
	guest_disk TARGET "$WORK/target.img"
	guest_boot -smp 1 -netdev user,id=net -device virtio-net-pci,netdev=net
	guest_run 'ip link set lo up; ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0
		ip route add default via 10.0.2.2
		mkdir -p /etc; echo "10.0.2.2 nas" >/etc/hosts; echo "hosts: files" >/etc/nsswitch.conf'
}

# nothing is mounted in the guest any more, and no record is left
share_gone() {
	# shellcheck disable=SC2016 # for the guest's shell
	guest_run '! grep /run/salvor/shares /proc/mounts && [ -z "$(ls -A /run/salvor/shares)" ]' ||
		fail "something is left behind after: $*"
}

# CODE TEXT STEP URL [OPTION...]: `salvor share` ends with CODE and one sentence with TEXT; STEP is the one that failed
share_fails() {
	local code=$1 text=$2 step=$3
	shift 3
	expect_rc "$code" guest_run "salvor share --json $*"
	expect_said "$text"
	[ "$(wc -l <"$WORK/err")" -eq 1 ] || fail "not one sentence: $(cat "$WORK/err")"
	[ "$(jq -r '[.steps[] | select(.ok == false) | .step] | join(" ")' "$WORK/out")" = "$step" ] ||
		fail "another step than $step failed: $(cat "$WORK/out")"
	note "$step: $(cat "$WORK/err")"
	share_gone "$*"
}

# URL PROTOCOL [OPTION...]: every step passes, with this protocol
share_passes() {
	expect_rc 0 guest_run "salvor share --json $1 ${*:3}"
	jq -e --arg p "$2" '[.steps[].ok] == [true, true, true, true, true, true] and .steps[2].detail == $p
		and .free > 0' "$WORK/out" >/dev/null || fail "steps: $(cat "$WORK/out")"
	share_gone "$1"
}

# URL: save, list, show, verify and restore by URL; the host looks at what came
share_round_trip() {
	local url=$1
	note "round trip: $url"
	expect_rc 0 guest_run "salvor save --progress=none --preset fast serial=SOURCE $url/pc $SHARE_OPTIONS"
	grep -qF "to $url/pc: complete, verified" "$WORK/out" || fail "said: $(cat "$WORK/out")"
	[ "$(ls "$WORK/store")" = pc ] || fail "the store holds $(ls -A "$WORK/store")"
	expect_rc 0 salvor verify "$WORK/store/pc" --against "$WORK/source.img"
	expect_rc 0 guest_run "salvor list --json $url $SHARE_OPTIONS"
	jq -e --arg url "$url" '.store == $url and [.images[].name] == ["pc"]' "$WORK/out" >/dev/null ||
		fail "list: $(cat "$WORK/out")"
	expect_rc 0 guest_run "salvor show $url/pc $SHARE_OPTIONS"
	expect_rc 0 guest_run "salvor verify --progress=none $url/pc $SHARE_OPTIONS"
	expect_rc 0 guest_run "salvor restore --progress=none $url/pc serial=TARGET --confirm-erase TARGET $SHARE_OPTIONS"
	guest_run sync
	cmp "$WORK/source.img" "$WORK/target.img" || fail 'the restored disk differs'
	expect_rc 6 guest_run "salvor save --progress=none serial=SOURCE $url/pc $SHARE_OPTIONS"
	expect_said "$url/pc exists already"
	expect_rc 5 guest_run "salvor verify --progress=none $url/nothing $SHARE_OPTIONS"
	expect_said "$url/nothing"
	share_gone 'the round trip'
	unchanged "$WORK/source.img" "$SOURCE_SHA"
}

# IMAGE: begin a save so slow that a second checkpoint comes before its end
share_begin_save() {
	guest_slow SOURCE $((4 * MIB))
	guest_begin "salvor save --progress=none --no-verify --preset fast serial=SOURCE $1 $SHARE_OPTIONS"
	local part=$WORK/store/${1##*/}.part first
	guest_until_host test -s "$part/disk.idx"
	first=$(stat -c %s "$part/disk.idx")
	guest_until_host grows "$part/disk.idx" "$first"
}

grows() { [ "$(stat -c %s "$1" 2>/dev/null || echo 0)" -gt "$2" ]; }

# CMD...: wait until a command succeeds on the host while the guest's job runs
guest_until_host() {
	while ! "$@"; do
		guest_run '[ ! -s /tmp/job.code ]' || {
			guest_finish >&2 || true
			fail "the job in the guest ended before: $*"
		}
		sleep 0.3
	done
}

# URL STOP START: the server dies in the middle of a save: 8, and when it is back the save goes on
share_server_dies() {
	local url=$1
	note "the server is killed in the middle of a save: $url"
	share_begin_save "$url/dies"
	"$2"
	expect_rc 8 guest_finish
	[ "$(wc -l <"$WORK/err")" -eq 1 ] || fail "not one sentence: $(cat "$WORK/err")"
	note "it said: $(cat "$WORK/err")"
	[ ! -e "$WORK/store/dies" ] || fail 'there is an image, as if it were complete'
	share_gone 'a server that died'
	"$3"
	guest_slow SOURCE 0
	expect_rc 0 guest_run "salvor save --json --preset fast --resume serial=SOURCE $url/dies $SHARE_OPTIONS"
	local from
	from=$(jq -r 'select(.type == "start") | .resumed_from // 0' "$WORK/out")
	note "resumed from $from of $SHARE_SIZE"
	[ "$from" -gt 0 ] || fail 'started afresh'
	expect_rc 0 salvor verify "$WORK/store/dies" --against "$WORK/source.img"
}

# URL: a signal ends a save cleanly; after a kill the next start cleans up
share_signals() {
	note "signals: $1"
	share_begin_save "$1/int"
	guest_run 'killall -INT salvor'
	expect_rc 20 guest_finish
	share_gone 'a signal'
	share_begin_save "$1/kill"
	guest_run 'killall -KILL salvor'
	guest_finish >/dev/null 2>&1 || true
	guest_run 'grep -q /run/salvor/shares /proc/mounts' || fail 'the kill left no mount to clean up'
	guest_run 'salvor disks >/dev/null'
	share_gone 'a kill'
	guest_slow SOURCE 0
}
