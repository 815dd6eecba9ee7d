#!/bin/sh
# net.sh - wired network: DHCP in the background, or a fixed address, or none
# SPDX-License-Identifier: GPL-3.0-or-later
#
# salvor.net=dhcp | off | ADDRESS/BITS[,GATEWAY[,DNS]]. Nothing waits for it.
: "${root?}" "${run?}" "${lib?}"

# NAME: one interface; called for each that is there, and for each that is plugged in
interface_up() {
	case $1 in
	'' | lo | *[!a-zA-Z0-9._-]*) return ;;
	esac
	# asked for by the event and by the look around, and done once
	mkdir "$run/net.$1" 2>/dev/null || return 0
	case $(param net) in
	off) ;;
	'' | dhcp) dhcp "$1" ;;
	*) fixed_address "$1" "$(param net)" ;;
	esac
}

# NAME: all that interface_up did is undone
interface_down() {
	[ ! -s "$run/net.$1/pid" ] || kill "$(cat "$run/net.$1/pid")" 2>/dev/null
	ip route flush dev "$1"
	ip addr flush dev "$1"
	rm -rf -- "$run/net.$1"
}

# what the interface's page changes: everything is set up anew
set_network() {
	for dir in "$run"/net.*; do
		[ ! -d "$dir" ] || interface_down "${dir##*/net.}"
	done
	rm -f "$run/resolv.conf"
	start_network
}

# the name of this machine, on its network too from the next address on
set_hostname() {
	name=$(param hostname)
	hostname "${name:-salvor}"
}

# NAME: ask for an address until there is one, and as long as the cable comes and goes
dhcp() {
	name=$(param hostname)
	ip link set "$1" up
	udhcpc -b -i "$1" -s "$lib/udhcpc.sh" -p "$run/net.$1/pid" -x "hostname:${name:-salvor}" -t 5 -T 3 -A 20 >/dev/null 2>&1 &
}

# NAME VALUE: ADDRESS/BITS[,GATEWAY[,DNS]]
fixed_address() {
	address=${2%%,*} rest=${2#"${2%%,*}"}
	rest=${rest#,}
	gateway=${rest%%,*} dns=${rest#"${rest%%,*}"}
	dns=${dns#,}
	ip link set "$1" up
	ip addr add "$address" dev "$1" || {
		note "salvor.net=$2: wants dhcp, off or ADDRESS/BITS,GATEWAY,DNS."
		return
	}
	[ -z "$gateway" ] || ip route add default via "$gateway" dev "$1"
	[ -z "$dns" ] || printf 'nameserver %s\n' "$dns" >"$run/resolv.conf"
}

# every interface that is there
start_network() {
	for interface in "$root"/sys/class/net/*; do
		[ ! -e "$interface" ] || interface_up "${interface##*/}"
	done
}

# addresses of this machine, for the pages: "eth0 10.0.2.15", one a line
addresses() { ip -o addr show scope global 2>/dev/null | awk '{ sub(/\/.*/, "", $4); print $2, $4 }'; }
