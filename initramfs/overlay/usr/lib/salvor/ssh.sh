#!/bin/sh
# ssh.sh - the SSH server: only with salvor.ssh=KEY, only for that key, never with a password
# SPDX-License-Identifier: GPL-3.0-or-later
: "${root?}" "${run?}"

start_ssh() {
	key=$(param ssh)
	[ -n "$key" ] || return 0
	mkdir -p "$root/root/.ssh" "$root/etc/dropbear"
	chmod 700 "$root/root" "$root/root/.ssh"
	param_all ssh >"$root/root/.ssh/authorized_keys"
	chmod 600 "$root/root/.ssh/authorized_keys"
	host_key=$root/etc/dropbear/dropbear_ed25519_host_key
	dropbearkey -t ed25519 -f "$host_key" 2>/dev/null | sed -n 's/^Fingerprint: //p' >"$run/ssh.fingerprint"
	# -s: no passwords, -j -k: no tunnels
	dropbear -s -j -k -r "$host_key" -p 22 -P "$run/dropbear.pid"
}
