#!/usr/bin/env bash
# network.sh - the page of the network: how it stands, an address by DHCP or a fixed one, the name; elsewhere only a look
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
. "$(dirname "$0")/../lib/plain.sh"
requires tmux
work_dir screens-network
make_root

# cards of a machine, a bridge that is none, and the program of the live system, which here only writes down what it is asked for
mkdir -p "$ROOT"/sys/class/net/{lo,br0,enp3s0/device,enp4s0/device,wlan0/device,wlan0/wireless} "$ROOT/proc/net" "$ROOT/etc" \
	"$ROOT/run/salvor" "$WORK/bin"
echo 1 >"$ROOT/sys/class/net/enp3s0/carrier"
echo 1000 >"$ROOT/sys/class/net/enp3s0/speed"
echo 0 >"$ROOT/sys/class/net/enp4s0/carrier"
printf 'Iface\tDestination\tGateway\tFlags\nenp3s0\t0000000A\t00000000\t0001\nenp3s0\t00000000\t0202000A\t0003\n' >"$ROOT/proc/net/route"
printf '# by hand\nnameserver 10.0.2.3\nnameserver 9.9.9.9\n' >"$ROOT/etc/resolv.conf"
cat >"$WORK/bin/live-init" <<'END'
#!/bin/sh
echo "$*" >>"$0.calls"
case $3 in *.999*) exit 1 ;; esac
END
chmod +x "$WORK/bin/live-init"
called() {
	local i
	for ((i = 0; i < SEE_TRIES; i++)); do
		[ "$(tail -n 1 "$WORK/bin/live-init.calls" 2>/dev/null)" != "$1" ] || return 0
		sleep 0.1
	done
	fail "asked for: $(cat "$WORK/bin/live-init.calls")"
}

note 'how it stands, in colour'
start_screen 80 24 SALVOR_LIVE=1 LANGUAGE=en PATH="$WORK/bin:$PATH"
see 'What do you want to do?'
keys n
see 'enp3s0   cable: connected, 1000 Mb/s'
see 'enp4s0   cable: NOT CONNECTED'
see 'wlan0   Wi-Fi: not supported'
see 'There is no Wi-Fi here'
see 'Gateway 10.0.2.2   Name server 10.0.2.3, 9.9.9.9'
see "Name of this computer: $(hostname)"
see 'SSH server: off'
see_not 'br0'
[ "$(screen | wc -L)" -le 80 ] || fail 'wider than the screen'
keys F1
see 'needed for images on other machines'
keys Escape

note 'a cable that is plugged in is seen'
echo 1 >"$ROOT/sys/class/net/enp4s0/carrier"
see 'enp4s0   cable: connected'
echo 'SHA256:abcdef' >"$ROOT/run/salvor/ssh.fingerprint"
see 'SSH server: on'
see 'SHA256:abcdef'

note 'DHCP'
keys d
called 'set net dhcp'

note 'a fixed address, not before it looks like one'
choose 'Address'
type_text '10.0.0.5'
see 'type an address like 192.168.1.5/24 first'
type_text '/24'
see_not 'type an address like'
choose 'Name server'
type_text '9.9.9.9'
choose 'Use this fixed address'
keys Enter
called 'set net 10.0.0.5/24,,9.9.9.9'
choose 'Gateway'
type_text '10.0.0.1'
choose 'Use this fixed address'
keys Enter
called 'set net 10.0.0.5/24,10.0.0.1,9.9.9.9'

note 'one that the system does not take is said'
fill_in 'Gateway' '10.0.0.999'
choose 'Use this fixed address'
keys Enter
see 'This is not possible'
keys Escape

note 'the name'
choose 'New name'
type_text 'rescue-1'
choose 'Give the computer this name'
keys Enter
called 'set hostname rescue-1'
end_screen

note 'German, mono, in 80 columns'
start_screen 80 24 SALVOR_LIVE=1 NO_COLOR=1 LANGUAGE=de SALVOR_LOCALES="$TOP/${BUILD:-build}/locale"
see 'Was möchten Sie tun?'
keys n
see 'Kabel: verbunden, 1000 Mb/s'
see 'Nach einer Adresse fragen (DHCP)'
[ "$(screen | wc -L)" -le 80 ] || fail 'wider than the screen'
end_screen

note 'elsewhere it is only shown, and why nothing can be changed; plain mode'
calls=$(wc -l <"$WORK/bin/live-init.calls")
start_talk PATH="$WORK/bin:$PATH"
hear '? help'
answer N
hear 'enp3s0   cable: connected, 1000 Mb/s'
hear 'Not possible: Ask for an address'
hear 'only on the live system'
hear 'Not possible: Use a fixed address'
hear 'b back'
answer D
hear 'b back'
answer b
hear 'What do you want to do?'
hear '? help'
leave_talk
[ "$(wc -l <"$WORK/bin/live-init.calls")" = "$calls" ] || fail 'the network of another system was changed'
