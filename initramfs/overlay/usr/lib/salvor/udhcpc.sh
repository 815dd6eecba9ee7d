#!/bin/sh
# udhcpc.sh - what busybox udhcpc does with an address it was given
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The words of the server are in the environment; udhcpc itself has checked that addresses are addresses.
: "${interface:?}" "${ip=}"
root=${SV_ROOT:-}
run=$root/run/salvor

take_address() {
	ip addr flush dev "$interface"
	ip addr add "$ip/${mask:-24}" ${broadcast:+broadcast "$broadcast"} dev "$interface"
	metric=10
	for gateway in ${router:-}; do
		ip route add default via "$gateway" dev "$interface" metric "$metric"
		metric=$((metric + 1))
	done
	[ -z "${dns:-}" ] || name_servers
}

# by way of another name, so that no reader sees half a file
name_servers() {
	for server in $dns; do
		printf 'nameserver %s\n' "$server"
	done >"$run/resolv.$interface"
	mv "$run/resolv.$interface" "$run/resolv.conf"
}

case ${1:-} in
deconfig) ip addr flush dev "$interface" && ip link set "$interface" up ;;
bound | renew) take_address ;;
esac
