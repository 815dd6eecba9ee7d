/* keys.h - one table of keys: it feeds input, footer, help and manual, so that no key is secret */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_KEYS_H
#define TUI_KEYS_H

#include <stdbool.h>
#include <stddef.h>

/* What a key asks for. */
enum request {
	REQ_NONE,
	/* moving: always there, handled by the application */
	REQ_UP,
	REQ_DOWN,
	REQ_PAGE_UP,
	REQ_PAGE_DOWN,
	REQ_FIRST,
	REQ_LAST,
	/* always there, given to the screen */
	REQ_ENTER,
	REQ_BACK,
	REQ_LEFT,
	REQ_RIGHT,
	/* always there, handled by the application */
	REQ_HELP,
	REQ_SHELL,
	REQ_LOG,
	REQ_REDRAW,
	/* only where a page offers them */
	REQ_MARK,
	REQ_RESCAN,
	REQ_PARTS,
	REQ_STOP,
	REQ_VERIFY,
	REQ_RESTORE,
	REQ_PAUSE,
	REQ_SLOWER,
	REQ_VIEW,
	REQ_ZOOM_IN,
	REQ_ZOOM_OUT,
	REQ_RESCUE,
	REQ_HEALTH, /* handled by the application */
	REQ_POWER,
	REQ_COUNT
};

enum key_where { KEY_MOVE, KEY_ALWAYS, KEY_OFFERED };

/* Key codes above the characters, apart from those of any library. */
enum key_code {
	KEY_CODE_NONE = 0,
	KEY_CODE_ENTER = '\n',
	KEY_CODE_ESC = 27,
	KEY_CODE_RUBOUT = 127,
	KEY_CODE_UP = 0x110000,
	KEY_CODE_DOWN,
	KEY_CODE_LEFT,
	KEY_CODE_RIGHT,
	KEY_CODE_PAGE_UP,
	KEY_CODE_PAGE_DOWN,
	KEY_CODE_HOME,
	KEY_CODE_END,
	KEY_CODE_RESIZE,
	KEY_CODE_F1, /* F2 is the next, up to F12 */
	KEY_CODE_F12 = KEY_CODE_F1 + 11,
};

struct key_entry {
	enum request request;
	enum key_where where;
	int keys[3];	   /* key codes, 0 = none; letters stand for both cases */
	const char *name;  /* how a footer writes it: "F1/?" */
	const char *label; /* what it does, one word */
	const char *help;  /* what it does, a sentence */
};

extern const struct key_entry key_table[]; /* ends with REQ_NONE */

/* The table's entry; never NULL for a request that exists. */
const struct key_entry *keys_entry(enum request request);
const char *keys_label(enum request request);
bool keys_match(const struct key_entry *entry, int key);

#endif
