#!/usr/bin/env bash
# share-sftp.sh - a store on an SSH server: save, list, verify, restore, and each step that can fail
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/small-disk.sh"
. "$(dirname "$0")/../lib/sshd.sh"
requires jq mke2fs sfdisk
work_dir share-sftp
export HOME=$WORK/home
sshd_setup

disk=$WORK/disk
store=$WORK/store
mkdir "$store"
small_disk "$disk" 50
url=sftp://root@localhost:$SSH_PORT$store
bykey=(--host-key "$SSH_KEY" --identity "$WORK/userkey")

# nothing of ours is mounted, and no record is left
all_gone() {
	! grep -F /run/salvor/shares /proc/self/mounts || fail "still mounted after: $*"
	! compgen -G '/run/salvor/shares/share-*' || fail "a record is left after: $*"
}

# CODE TEXT STEP ARG...: `salvor share` ends with CODE, says TEXT, and STEP is the one that failed
fails_at() {
	local code=$1 text=$2 step=$3
	shift 3
	expect_rc "$code" salvor share "$@" --json
	expect_said "$text"
	[ "$(wc -l <"$WORK/err")" -eq 1 ] || fail "not one sentence: $(cat "$WORK/err")"
	[ "$(jq -r '[.steps[] | select(.ok == false) | .step] | join(" ")' "$WORK/out")" = "$step" ] ||
		fail "another step than $step failed: $(cat "$WORK/out")"
	all_gone "a failure at the step $step"
}

note 'every step passes'
expect_rc 0 salvor share "$url" "${bykey[@]}" --json
jq -e '[.steps[].ok] == [true, true, true, true, true, true] and .free > 0' "$WORK/out" >/dev/null ||
	fail "steps: $(cat "$WORK/out")"
[ -z "$(ls -A "$store")" ] || fail 'the trial left something behind'
all_gone 'a trial'

note 'save, list, show, verify and restore by URL'
expect_rc 0 salvor save "$disk" "$url/pc" --preset fast "${bykey[@]}"
grep -qF "to $url/pc: complete, verified" "$WORK/out" || fail "said: $(cat "$WORK/out")"
expect_rc 0 salvor list "$url" "${bykey[@]}" --json
jq -e --arg url "$url" '.store == $url and [.images[].name] == ["pc"]' "$WORK/out" >/dev/null || fail "list: $(cat "$WORK/out")"
expect_rc 0 salvor show "$url/pc" "${bykey[@]}"
expect_rc 0 salvor verify "$url/pc" "${bykey[@]}" --json
jq -e -s --arg url "$url/pc" '.[0].image == $url and .[-1].code == 0' "$WORK/out" >/dev/null || fail "verify: $(cat "$WORK/out")"
poison "$WORK/target" "$(stat -c %s "$disk")"
expect_rc 0 salvor restore "$url/pc" "$WORK/target" "${bykey[@]}" --confirm-erase "$(stat -c %s "$disk")"
expect_rc 0 salvor verify "$store/pc" --against "$WORK/target"
all_gone 'the round trip'

note 'a password from a file, seen nowhere'
printf '%s\nsecond line\n' "$SSH_PASSWORD" >"$WORK/password"
by_password=(--host-key "$SSH_KEY" --password-file "$WORK/password")
expect_rc 0 salvor share "sftp://salvortest@localhost:$SSH_PORT$store" "${by_password[@]}"
fails_at 8 'wrong password' login "sftp://salvortest@localhost:$SSH_PORT$store" --host-key "$SSH_KEY" --password-file "$WORK/hostkey.pub"
fails_at 2 'there is no terminal' login "sftp://salvortest@localhost:$SSH_PORT$store" --host-key "$SSH_KEY"

note 'a password typed on a terminal, which does not show it'
python3 - "$SALVOR" share "sftp://salvortest@localhost:$SSH_PORT$store" --host-key "$SSH_KEY" >"$WORK/out" <<-END || fail "asked on a terminal: $(cat "$WORK/out")"
	import os, pty, sys
	pid, fd = pty.fork()
	if pid == 0:
	    os.execv(sys.argv[1], sys.argv[1:])
	said = b""
	while b"Password for sftp://salvortest@" not in said or not said.endswith(b": "):
	    said += os.read(fd, 1024)
	os.write(fd, open("$WORK/password", "rb").readline())
	try:
	    while more := os.read(fd, 1024):
	        said += more
	except OSError:
	    pass
	print(said.decode())
	sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
grep -qF "$SSH_PASSWORD" "$WORK/out" && fail 'the terminal shows the password'
all_gone 'a password on a terminal'

note 'sentences name the URL, not the place it is mounted at'
expect_rc 6 salvor save "$disk" "$url/pc" "${bykey[@]}"
expect_said "$url/pc exists already"
expect_rc 5 salvor verify "$url/nothing" "${bykey[@]}"
expect_said "$url/nothing"
all_gone 'refusals'

note 'each step that fails is named'
fails_at 5 'no name server knows' name sftp://no-such-host.invalid/x
fails_at 8 'nothing listens' port "sftp://localhost:$(free_port)/x"
fails_at 8 "host key of localhost is not known ($SSH_KEY)" login "$url" --identity "$WORK/userkey"
fails_at 8 'has no host key' login "$url" --identity "$WORK/userkey" --host-key "${SSH_KEY%?}x"
fails_at 5 'there is no folder' folder "$url/missing" "${bykey[@]}"
fails_at 5 'there is no folder' folder "$url/pc/manifest.json" "${bykey[@]}"
chattr +i "$store" 2>/dev/null && {
	cleanup_fn chattr -i "$store"
	fails_at 8 'cannot make a folder' write "$url" "${bykey[@]}"
	chattr -i "$store"
}
fails_at 8 'is no SSH server' protocol "sftp://localhost:$(python3 - "$WORK" <<-'END'
	import os, socket, sys
	s = socket.socket()
	s.bind(("127.0.0.1", 0))
	s.listen()
	print(s.getsockname()[1], flush=True)
	if os.fork() == 0:
	    os.close(1)
	    s.settimeout(30)
	    s.accept()[0].sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
END
)/x"

note 'the server dies while a save writes, and while it reads back: 8, and the save is continued later'
head -c $((40 * MIB)) /dev/urandom >"$WORK/big"
for preset in small fast; do
	"$SALVOR" save "$WORK/big" "$url/$preset" --preset "$preset" "${bykey[@]}" >"$WORK/out" 2>"$WORK/err" &
	pid=$!
	while [ ! -s "$store/$preset.part/disk.img.zst" ] && kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
	sshd_stop
	rc=0
	wait "$pid" || rc=$?
	[ "$rc" -eq 8 ] || fail "the save ended with $rc: $(cat "$WORK/err")"
	[ "$(grep -c . "$WORK/out")" -eq 0 ] || fail "a dead server is no damage: $(cat "$WORK/out")"
	all_gone 'a dead server'
	sshd_start
	expect_rc 0 salvor save "$WORK/big" "$url/$preset" --preset "$preset" --resume "${bykey[@]}"
	expect_rc 0 salvor verify "$store/$preset" --against "$WORK/big"
done

note 'one run at a time, also from two machines'
"$SALVOR" save "$WORK/big" "$url/lock" "${bykey[@]}" --preset smallest >"$WORK/out" 2>&1 &
pid=$!
while [ ! -s "$store/lock.part/disk.idx" ] && kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
read -r boot_id _ machine <"$store/lock.part/.salvor-lock"
expect_rc 11 salvor save "$WORK/big" "$url/lock" "${bykey[@]}" --preset smallest --resume
kill -INT "$pid"
wait "$pid" || true
[ ! -e "$store/lock.part/.salvor-lock" ] || fail 'the lock is left behind'
other_boot=00000000-0000-4000-8000-${boot_id##*-}
echo "$other_boot 1 0123456789abcdef" >"$store/lock.part/.salvor-lock"
expect_rc 11 salvor save "$WORK/big" "$url/lock" "${bykey[@]}" --preset smallest --resume
expect_said 'perhaps on another machine'
echo "$other_boot 1 $machine" >"$store/lock.part/.salvor-lock"
if [ "$machine" != unknown ]; then
	timeout -s INT 20 "$SALVOR" save "$WORK/big" "$url/lock" "${bykey[@]}" --preset smallest --resume >"$WORK/out" 2>"$WORK/err" || rc=$?
	! grep -F 'perhaps on another machine' "$WORK/err" || fail 'the lock of an earlier boot of this machine still holds'
fi
all_gone 'locks'

note 'a signal ends it cleanly, a kill is cleaned up by the next start'
for sig in INT KILL; do
	"$SALVOR" save "$WORK/big" "$url/$sig" "${bykey[@]}" --preset smallest >"$WORK/out" 2>&1 &
	pid=$!
	while [ ! -e "$store/$sig.part/disk.idx" ] && kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
	kill -s "$sig" "$pid"
	rc=0
	wait "$pid" || rc=$?
	case $sig in
	INT)
		[ "$rc" -eq 20 ] || fail "ended with $rc: $(cat "$WORK/out")"
		all_gone 'a signal'
		;;
	KILL)
		# any start cleans up, also that of another test beside this one
		[ "$rc" -eq 137 ] || fail 'the kill came too late'
		expect_rc 0 salvor list "$store"
		all_gone 'a kill'
		;;
	esac
done
