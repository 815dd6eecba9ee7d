#!/usr/bin/env bash
# smbd.sh - a Samba server of our own on the loopback, with a user whose password is known
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after functions.sh, with $WORK made. Shares: backup (anna), locked (anna, read-only),
# public (everybody).

# a comma and blanks: what ends an option of mount(2) must not end a password
# shellcheck disable=SC2016 # a dollar is a dollar
SMB_PASSWORD='a,b c,,$d"'
SMB_NEWEST=SMB3_11

_smb_config() {
	local dir=$WORK/samba
	cat <<-END
		[global]
		server role = standalone server
		netbios name = NAS
		interfaces = lo
		bind interfaces only = yes
		disable netbios = yes
		smb ports = $SMB_PORT
		server min protocol = SMB2_02
		server max protocol = $SMB_NEWEST
		private dir = $dir/private
		lock directory = $dir/lock
		state directory = $dir/state
		cache directory = $dir/cache
		pid directory = $dir/pid
		ncalrpc dir = $dir/ncalrpc
		log file = $dir/log
		username map = $dir/users
		map to guest = bad user
		guest account = nobody
		load printers = no
		printcap name = /dev/null
		[backup]
		path = $WORK/store
		valid users = root
		read only = no
		[locked]
		path = $WORK/store
		valid users = root
		[public]
		path = $WORK/public
		guest ok = yes
		force user = root
		read only = no
	END
}

# start it (again), with $SMB_NEWEST as its newest dialect
smbd_start() {
	_smb_config >"$WORK/samba/smb.conf"
	smbd -F --no-process-group -s "$WORK/samba/smb.conf" </dev/null >>"$WORK/samba/out" 2>&1 &
	SMB_PID=$!
	for _ in {1..100}; do
		! (exec 3<>"/dev/tcp/127.0.0.1/$SMB_PORT") 2>/dev/null || return 0
		sleep 0.1
	done
	cat "$WORK/samba/out" "$WORK/samba/log" >&2
	fail 'the Samba server does not start'
}

# SIGNAL: to the server and all its processes
smbd_signal() {
	local sessions
	mapfile -t sessions < <(pgrep -P "$SMB_PID" || true)
	kill "-$1" "$SMB_PID" ${sessions[@]+"${sessions[@]}"} 2>/dev/null || true
}

# end it and all its connections, as a power cut would
smbd_stop() {
	smbd_signal KILL
	wait "$SMB_PID" 2>/dev/null || true
}

smbd_setup() {
	local dir=$WORK/samba
	requires smbd smbpasswd pgrep
	[ "$(id -u)" -eq 0 ] || skip 'a Samba server of our own needs root'
	SMB_PORT=$(free_port)
	mkdir -p "$dir"/{private,lock,state,cache,pid,ncalrpc} "$WORK/store" "$WORK/public"
	chmod 777 "$WORK/public"
	echo 'root = anna' >"$dir/users"
	_smb_config >"$dir/smb.conf"
	printf '%s\n%s\n' "$SMB_PASSWORD" "$SMB_PASSWORD" | smbpasswd -c "$dir/smb.conf" -s -a root >"$dir/out" 2>&1 || {
		cat "$dir/out" >&2
		fail 'smbpasswd failed'
	}
	cleanup_fn smbd_stop
	smbd_start
}
