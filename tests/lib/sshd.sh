#!/usr/bin/env bash
# sshd.sh - an SSH server of our own on the loopback, with a user whose password is known
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after functions.sh, with $WORK made.

SSH_PASSWORD='a,b c'\''d%e$'

# a user that exists only for the server: account files of its own over those of the machine
_ssh_account() {
	local hash
	hash=$(openssl passwd -6 "$SSH_PASSWORD")
	mkdir -p "$WORK/home" "$WORK/etc"
	{
		cat /etc/passwd
		echo "salvortest:x:0:0::$WORK/home:/bin/sh"
	} >"$WORK/etc/passwd"
	{
		cat /etc/shadow
		echo "salvortest:$hash:19000:0:99999:7:::"
	} >"$WORK/etc/shadow"
	chmod 600 "$WORK/etc/shadow"
}

_ssh_config() {
	cat <<-END
		Port $SSH_PORT
		ListenAddress 127.0.0.1
		HostKey $WORK/hostkey
		PidFile $WORK/sshd.pid
		AuthorizedKeysFile $WORK/authorized
		PermitRootLogin yes
		PasswordAuthentication yes
		UsePAM no
		StrictModes no
		Subsystem sftp internal-sftp
	END
}

# start it (again); its fingerprint is in $SSH_KEY
sshd_start() {
	mkdir -p /run/sshd
	# shellcheck disable=SC2016 # for that shell
	unshare -m sh -c 'mount --bind "$1/etc/passwd" /etc/passwd &&
		mount --bind "$1/etc/shadow" /etc/shadow && exec "$2" -f "$1/sshd.conf" -E "$1/sshd.log"' \
		- "$WORK" "$(command -v sshd)" || skip 'an SSH server cannot be started here'
	for _ in {1..100}; do
		[ ! -s "$WORK/sshd.pid" ] || return 0
		sleep 0.05
	done
	fail 'the SSH server does not start'
}

# end it and all its connections, as a power cut would
sshd_stop() {
	local pid
	pid=$(cat "$WORK/sshd.pid" 2>/dev/null) || return 0
	mapfile -t sessions < <(pgrep -P "$pid" || true)
	kill -9 "$pid" ${sessions[@]+"${sessions[@]}"} || true
	rm -f "$WORK/sshd.pid"
}

# keys, configuration and server
sshd_setup() {
	requires sshd ssh-keygen sshfs openssl unshare
	[ "$(id -u)" -eq 0 ] || skip 'mounting a share needs root'
	[ -w /dev/fuse ] || skip 'sshfs needs /dev/fuse'
	SSH_PORT=$(free_port)
	ssh-keygen -q -t ed25519 -N '' -f "$WORK/hostkey"
	ssh-keygen -q -t ed25519 -N '' -f "$WORK/userkey"
	cp "$WORK/userkey.pub" "$WORK/authorized"
	# shellcheck disable=SC2034 # for the scripts
	SSH_KEY=$(ssh-keygen -l -f "$WORK/hostkey.pub" | cut -d ' ' -f 2)
	_ssh_account
	_ssh_config >"$WORK/sshd.conf"
	cleanup_fn sshd_stop
	sshd_start
}
