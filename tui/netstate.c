/* netstate.c - how the network of this machine stands */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/netstate.h"

#include <arpa/inet.h>
#include <glob.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The first line of a file; "" when it cannot be read. */
static void first_line(const char *path, char *out, size_t cap)
{
	FILE *f = fopen(path, "re");
	*out = '\0';
	if (!f)
		return;
	if (fgets(out, (int)cap, f))
		out[strcspn(out, "\n")] = '\0';
	fclose(f);
}

/* Append to a list with commas, as far as it fits. */
static void add_word(char *list, size_t cap, const char *word)
{
	size_t len = strlen(list);
	if (len + strlen(word) + 3 < cap)
		snprintf(list + len, cap - len, "%s%s", len ? ", " : "", word);
}

/* ---- cards ---- */

static long number_in(const char *dir, const char *name)
{
	char path[1024], text[32];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	first_line(path, text, sizeof(text));
	return strtol(text, NULL, 10);
}

static bool has(const char *dir, const char *name)
{
	char path[1024];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

static void add_card(struct net_state *state, const char *dir)
{
	struct net_card *card = &state->v[state->n];
	const char *name = strrchr(dir, '/') + 1;
	/* bridges and the like are not plugged in anywhere */
	if (state->n == NET_CARDS || !has(dir, "device"))
		return;
	long mbit = number_in(dir, "speed");
	snprintf(card->name, sizeof(card->name), "%s", name);
	card->wireless = has(dir, "wireless") || has(dir, "phy80211");
	card->linked = number_in(dir, "carrier") == 1;
	card->mbit = mbit > 0 && mbit < 10000000 ? (unsigned int)mbit : 0;
	state->n++;
}

static void look_at_cards(const char *root, struct net_state *state)
{
	char pattern[512];
	glob_t found = {0};
	snprintf(pattern, sizeof(pattern), "%s/sys/class/net/*", root);
	if (glob(pattern, 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		add_card(state, found.gl_pathv[i]);
	globfree(&found);
}

/* ---- addresses ---- */

static unsigned int bits_of(const void *mask, size_t len)
{
	const uint8_t *bytes = mask;
	unsigned int n = 0;
	for (size_t i = 0; i < len; i++)
		n += (unsigned int)__builtin_popcount(bytes[i]);
	return n;
}

/* "10.0.2.15/24"; false for what is of this cable only, or no address of the internet. */
static bool address_text(const struct ifaddrs *a, char *out, size_t cap)
{
	char text[INET6_ADDRSTRLEN];
	const struct sockaddr_in *v4 = (const void *)a->ifa_addr,
				 *m4 = (const void *)a->ifa_netmask;
	const struct sockaddr_in6 *v6 = (const void *)a->ifa_addr,
				  *m6 = (const void *)a->ifa_netmask;
	if (!a->ifa_addr || !a->ifa_netmask)
		return false;
	bool is4 = a->ifa_addr->sa_family == AF_INET;
	if (!is4 && (a->ifa_addr->sa_family != AF_INET6 || IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr)))
		return false;
	if (!inet_ntop(a->ifa_addr->sa_family,
		       is4 ? (const void *)&v4->sin_addr : (const void *)&v6->sin6_addr, text,
		       sizeof(text)))
		return false;
	snprintf(out, cap, "%s/%u", text,
		 is4 ? bits_of(&m4->sin_addr, sizeof(m4->sin_addr))
		     : bits_of(&m6->sin6_addr, sizeof(m6->sin6_addr)));
	return true;
}

static void look_at_addresses(struct net_state *state)
{
	struct ifaddrs *all = NULL;
	char text[INET6_ADDRSTRLEN + 8];
	if (getifaddrs(&all))
		return;
	for (const struct ifaddrs *a = all; a; a = a->ifa_next)
		for (size_t i = 0; i < state->n; i++)
			if (!strcmp(a->ifa_name, state->v[i].name) &&
			    address_text(a, text, sizeof(text)))
				add_word(state->v[i].addresses, sizeof(state->v[i].addresses),
					 text);
	freeifaddrs(all);
}

/* ---- ways out ---- */

/* The kernel prints the 32 bits of an address as a number of this machine. */
static void look_at_routes(const char *root, struct net_state *state)
{
	char path[512], line[256];
	unsigned int to, by;
	snprintf(path, sizeof(path), "%s/proc/net/route", root);
	FILE *f = fopen(path, "re");
	while (f && !*state->gateway && fgets(line, sizeof(line), f)) {
		struct in_addr address;
		if (sscanf(line, "%*s %8x %8x", &to, &by) != 2 || to || !by)
			continue;
		address.s_addr = by;
		inet_ntop(AF_INET, &address, state->gateway, sizeof(state->gateway));
	}
	if (f)
		fclose(f);
}

static void look_at_servers(const char *root, struct net_state *state)
{
	char path[512], line[256], word[100];
	snprintf(path, sizeof(path), "%s/etc/resolv.conf", root);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "nameserver %99s", word) == 1)
			add_word(state->servers, sizeof(state->servers), word);
	if (f)
		fclose(f);
}

void net_look(const char *root, struct net_state *state)
{
	char path[512];
	memset(state, 0, sizeof(*state));
	look_at_cards(root, state);
	look_at_addresses(state);
	look_at_routes(root, state);
	look_at_servers(root, state);
	gethostname(state->hostname, sizeof(state->hostname) - 1);
	snprintf(path, sizeof(path), "%s/run/salvor/ssh.fingerprint", root);
	first_line(path, state->ssh_key, sizeof(state->ssh_key));
}
