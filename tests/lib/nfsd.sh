#!/usr/bin/env bash
# nfsd.sh - an NFS 4 server of our own on the loopback (nfs-ganesha, which needs no kernel)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after functions.sh, with $WORK made. Exports: /store, /locked (read-only), /private (for
# another machine).

_nfs_export() {
	cat <<-END
		EXPORT {
			Export_Id = $1;
			Path = $2;
			Pseudo = $3;
			Access_Type = $4;
			Squash = No_Root_Squash;
			SecType = sys;
			FSAL { Name = VFS; }
			$5
		}
	END
}

_nfs_config() {
	cat <<-END
		NFS_CORE_PARAM {
			NFS_Port = $NFS_PORT;
			Protocols = 4;
			Enable_NLM = false;
			Enable_RQUOTA = false;
			Enable_UDP = false;
			Bind_addr = 127.0.0.1;
		}
		NFSv4 {
			Graceless = true;
			Lease_Lifetime = 10;
			RecoveryRoot = $WORK/nfs/recovery;
		}
	END
	_nfs_export 1 "$WORK/store" /store RW ''
	_nfs_export 2 "$WORK/locked" /locked RO ''
	_nfs_export 3 "$WORK/private" /private None 'CLIENT { Clients = 192.0.2.1; Access_Type = RW; }'
}

# start it (again)
nfsd_start() {
	ganesha.nfsd -F -f "$WORK/nfs/conf" -L "$WORK/nfs/log" -p "$WORK/nfs/pid" </dev/null >>"$WORK/nfs/out" 2>&1 &
	NFS_PID=$!
	for _ in {1..100}; do
		! grep -qs 'NFS SERVER INITIALIZED' "$WORK/nfs/log" || return 0
		kill -0 "$NFS_PID" 2>/dev/null || break
		sleep 0.1
	done
	tail -n 20 "$WORK/nfs/log" "$WORK/nfs/out" >&2
	fail 'the NFS server does not start'
}

# end it and all its connections, as a power cut would
nfsd_stop() {
	kill -KILL "$NFS_PID" 2>/dev/null || true
	wait "$NFS_PID" 2>/dev/null || true
	rm -f "$WORK/nfs/log" "$WORK/nfs/pid"
}

nfsd_setup() {
	requires ganesha.nfsd
	[ "$(id -u)" -eq 0 ] || skip 'an NFS server of our own needs root'
	NFS_PORT=$(free_port)
	mkdir -p "$WORK/nfs/recovery" "$WORK/store" "$WORK/locked" "$WORK/private"
	_nfs_config >"$WORK/nfs/conf"
	cleanup_fn nfsd_stop
	nfsd_start
}
