/* screen_network.c - the network: how it stands, an address by DHCP or a fixed one, the name */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/i18n.h"
#include "tui/live.h"
#include "tui/netstate.h"

#include <stdio.h>
#include <string.h>

enum network_id { ID_DHCP = 1, ID_ADDRESS, ID_GATEWAY, ID_SERVER, ID_FIXED, ID_NAME, ID_RENAME };

struct network_state {
	struct net_state now;
	char address[64], gateway[64], server[64], name[64]; /* typed here */
};

static int open_network(struct app *app, struct screen *screen, struct sv_err *err)
{
	struct network_state *s = screen->state;
	(void)err;
	net_look(app->root, &s->now);
	return 0;
}

/* ---- how it stands ---- */

static void fill_card(const struct net_card *card, struct page *page)
{
	if (card->wireless)
		page_text(page, STYLE_DIM, _("%s   Wi-Fi: not supported, use a cable"), card->name);
	else if (!card->linked)
		page_text(page, STYLE_WARN, _("%s   cable: NOT CONNECTED"), card->name);
	else if (card->mbit)
		page_text(page, STYLE_NORMAL, _("%s   cable: connected, %u Mb/s"), card->name,
			  card->mbit);
	else
		page_text(page, STYLE_NORMAL, _("%s   cable: connected"), card->name);
	if (!card->wireless)
		page_text(page, STYLE_NORMAL, "      %s",
			  *card->addresses ? card->addresses : _("no address"));
}

static void fill_now(const struct net_state *now, struct page *page)
{
	for (size_t i = 0; i < now->n; i++)
		fill_card(&now->v[i], page);
	if (!now->n)
		page_text(page, STYLE_WARN, "%s",
			  _("No network card was found, or none that has a driver here."));
	page_text(page, STYLE_NORMAL, _("Gateway %s   Name server %s"),
		  *now->gateway ? now->gateway : _("none"),
		  *now->servers ? now->servers : _("none"));
	page_text(page, STYLE_NORMAL, _("Name of this computer: %s"), now->hostname);
	page_text(page, STYLE_DIM, "%s", _("There is no Wi-Fi here: networks by cable only."));
}

static void fill_ssh(const struct net_state *now, struct page *page)
{
	if (*now->ssh_key)
		page_text(page, STYLE_NORMAL,
			  _("SSH server: on, for the key that was given at the start. Its own "
			    "key: %s"),
			  now->ssh_key);
	else
		page_text(page, STYLE_DIM, "%s",
			  _("SSH server: off. It runs when the boot menu gives it your key: "
			    "salvor.ssh=KEY"));
}

/* ---- changing it ---- */

static bool looks_right(const char *address)
{
	const char *slash = strchr(address, '/');
	return slash && slash > address && slash[1] >= '0' && slash[1] <= '9' &&
	       !strchr(address, ',');
}

static void fill(const struct app *app, const struct screen *screen, struct page *page)
{
	const struct network_state *s = screen->state;
	const char *why = live_why_not();
	const char *no_address =
		looks_right(s->address) ? NULL : _("type an address like 192.168.1.5/24 first");
	(void)app;
	page_title(page, _("Network"));
	fill_now(&s->now, page);
	if (!why)
		fill_ssh(&s->now, page);
	page_gap(page);
	page_item(page, ID_DHCP, 'D', why, "%s", _("Ask for an address (DHCP), by every cable"));
	if (why) {
		page_item(page, ID_FIXED, 0, why, "%s", _("Use a fixed address"));
	} else {
		page_field(page, ID_ADDRESS, _("Address"), s->address, false);
		page_field(page, ID_GATEWAY, _("Gateway"), s->gateway, false);
		page_field(page, ID_SERVER, _("Name server"), s->server, false);
		page_item(page, ID_FIXED, 0, no_address, "%s", _("Use this fixed address"));
		page_field(page, ID_NAME, _("New name"), s->name, false);
		page_item(page, ID_RENAME, 0, *s->name ? NULL : _("type a name first"), "%s",
			  _("Give the computer this name"));
	}
	page_action(page, REQ_RESCAN, NULL);
}

/* As salvor.net= has it. */
static void use_fixed(struct app *app, const struct network_state *s)
{
	char value[200];
	snprintf(value, sizeof(value), "%s%s%s%s%s", s->address,
		 *s->gateway || *s->server ? "," : "", s->gateway, *s->server ? "," : "",
		 s->server);
	live_set(app, "net", value);
}

static bool act(struct app *app, struct screen *screen, enum request request, int id)
{
	struct network_state *s = screen->state;
	if (request == REQ_ENTER && !live_why_not()) {
		if (id == ID_DHCP)
			live_set(app, "net", "dhcp");
		else if (id == ID_FIXED && looks_right(s->address))
			use_fixed(app, s);
		else if (id == ID_RENAME && *s->name)
			live_set(app, "hostname", s->name);
	}
	if (request == REQ_RESCAN || request == REQ_ENTER)
		net_look(app->root, &s->now);
	return false;
}

static void text(struct app *app, struct screen *screen, int id, const char *value)
{
	struct network_state *s = screen->state;
	char *to = id == ID_ADDRESS   ? s->address
		   : id == ID_GATEWAY ? s->gateway
		   : id == ID_SERVER  ? s->server
				      : s->name;
	(void)app;
	snprintf(to, sizeof(s->name), "%s", value);
}

static void tick(struct app *app, struct screen *screen)
{
	struct network_state *s = screen->state;
	net_look(app->root, &s->now);
}

const struct screen_ops screen_network = {
	.name = "network",
	.help = N_("The network is only needed for images on other machines. Addresses come by "
		   "themselves (DHCP) where a router gives them; else type a fixed one, with the "
		   "number of bits of its network: 192.168.1.5/24. It counts for every cable, at "
		   "once, and until the computer is switched off. The boot menu can have the same: "
		   "salvor.net, salvor.hostname (salvor-boot(7))."),
	.state_size = sizeof(struct network_state),
	.tick_ms = 2000,
	.open = open_network,
	.fill = fill,
	.act = act,
	.text = text,
	.tick = tick,
};
