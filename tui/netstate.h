/* netstate.h - how the network of this machine stands */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_NETSTATE_H
#define TUI_NETSTATE_H

#include <stdbool.h>
#include <stddef.h>

/* Sources: the kernel's Documentation/ABI/testing/sysfs-class-net, proc(5) for net/route,
 * resolv.conf(5). Plain data. */

#define NET_CARDS 16

struct net_card {
	char name[32];
	bool wireless, linked; /* a cable that is plugged in at both ends */
	unsigned int mbit;     /* per second; 0 = not known */
	char addresses[256];   /* "10.0.2.15/24, fd00::5/64"; "" = none */
};

struct net_state {
	struct net_card v[NET_CARDS]; /* with hardware behind them */
	size_t n;
	char gateway[64], servers[256]; /* "" = none */
	char hostname[80];
	char ssh_key[160]; /* fingerprint of the live system's SSH server; "" = it does not run */
};

/* Never waits. `root` as of disk_scan(); addresses are always those of this machine. */
void net_look(const char *root, struct net_state *state_ret);

#endif
