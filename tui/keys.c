/* keys.c - the table of keys */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/keys.h"
#include "tui/i18n.h"

/* Every F-key has a letter, because terminals eat F-keys. */
const struct key_entry key_table[] = {
	{REQ_UP, KEY_MOVE, {KEY_CODE_UP, 'k'}, "\xe2\x86\x91", N_("Move"), N_("One line up.")},
	{REQ_DOWN,
	 KEY_MOVE,
	 {KEY_CODE_DOWN, 'j'},
	 "\xe2\x86\x93",
	 N_("Move"),
	 N_("One line down.")},
	/* where they are offered, these come before the moving keys */
	{REQ_ZOOM_IN,
	 KEY_OFFERED,
	 {KEY_CODE_PAGE_DOWN, '+'},
	 "PgDn/+",
	 N_("Zoom in"),
	 N_("A smaller part of the disk, in more detail. Left and right go along it.")},
	{REQ_ZOOM_OUT,
	 KEY_OFFERED,
	 {KEY_CODE_PAGE_UP, '-'},
	 "PgUp/-",
	 N_("Zoom out"),
	 N_("A larger part of the disk.")},
	{REQ_PAGE_UP, KEY_MOVE, {KEY_CODE_PAGE_UP}, "PgUp", N_("Page"), N_("One page up.")},
	{REQ_PAGE_DOWN, KEY_MOVE, {KEY_CODE_PAGE_DOWN}, "PgDn", N_("Page"), N_("One page down.")},
	{REQ_FIRST, KEY_MOVE, {KEY_CODE_HOME}, "Home", N_("First"), N_("To the first line.")},
	{REQ_LAST, KEY_MOVE, {KEY_CODE_END}, "End", N_("Last"), N_("To the last line.")},
	{REQ_ENTER,
	 KEY_ALWAYS,
	 {KEY_CODE_ENTER},
	 "Enter",
	 N_("Choose"),
	 N_("Choose what is marked, and go on.")},
	{REQ_BACK,
	 KEY_ALWAYS,
	 {KEY_CODE_ESC, 'b'},
	 "Esc",
	 N_("Back"),
	 N_("One page back. Your choices are kept.")},
	{REQ_LEFT,
	 KEY_ALWAYS,
	 {KEY_CODE_LEFT},
	 "\xe2\x86\x90",
	 N_("Change"),
	 N_("The value before.")},
	{REQ_RIGHT,
	 KEY_ALWAYS,
	 {KEY_CODE_RIGHT},
	 "\xe2\x86\x92",
	 N_("Change"),
	 N_("The next value.")},
	{REQ_HELP,
	 KEY_ALWAYS,
	 {KEY_CODE_F1, '?'},
	 "F1/?",
	 N_("Help"),
	 N_("What this page is about, and its keys.")},
	{REQ_SHELL,
	 KEY_ALWAYS,
	 {KEY_CODE_F1 + 1, '!'},
	 "F2/!",
	 N_("Shell"),
	 N_("A shell; `exit` comes back here. A running job goes on.")},
	{REQ_LOG,
	 KEY_ALWAYS,
	 {KEY_CODE_F1 + 3, 'l'},
	 "F4/L",
	 N_("Log"),
	 N_("What has happened so far.")},
	{REQ_REDRAW, KEY_ALWAYS, {'L' - '@'}, "^L", N_("Redraw"), N_("Draw the screen again.")},
	{REQ_MARK, KEY_OFFERED, {' '}, "Space", N_("Mark"), N_("Mark it, or take the mark away.")},
	{REQ_RESCAN, KEY_OFFERED, {KEY_CODE_F1 + 4, 'r'}, "F5/R", N_("Rescan"), N_("Look again.")},
	{REQ_PARTS,
	 KEY_OFFERED,
	 {KEY_CODE_F1 + 5, 'p'},
	 "F6/P",
	 N_("Partitions"),
	 N_("Choose partitions of this disk.")},
	{REQ_STOP,
	 KEY_OFFERED,
	 {KEY_CODE_F1 + 7, 's'},
	 "F8/S",
	 N_("Stop"),
	 N_("Stop cleanly, keeping what can be resumed.")},
	{REQ_PAUSE,
	 KEY_OFFERED,
	 {'p'},
	 "P",
	 N_("Pause"),
	 N_("Stand still, with the map saved, until P is pressed again.")},
	{REQ_SLOWER,
	 KEY_OFFERED,
	 {'t'},
	 "T",
	 N_("Slower"),
	 N_("Rest after each read, longer each time; after the longest at full speed again.")},
	{REQ_VIEW,
	 KEY_OFFERED,
	 {'\t', 'v'},
	 "Tab/V",
	 N_("View"),
	 N_("The map, the speed, the log.")},
	{REQ_RESCUE,
	 KEY_OFFERED,
	 {'x'},
	 "X",
	 N_("Rescue"),
	 N_("Copy what can be read of this failing disk, instead.")},
	{REQ_VERIFY,
	 KEY_OFFERED,
	 {KEY_CODE_F1 + 6, 'v'},
	 "F7/V",
	 N_("Check"),
	 N_("Check this image from end to end.")},
	{REQ_RESTORE,
	 KEY_OFFERED,
	 {KEY_CODE_F1 + 2, 't'},
	 "F3/T",
	 N_("Restore"),
	 N_("Write this image to a disk.")},
	{REQ_HEALTH, KEY_OFFERED, {'h'}, "H", N_("Health"), N_("How the disks are.")},
	{REQ_POWER,
	 KEY_OFFERED,
	 {KEY_CODE_F1 + 9, 'q'},
	 "F10/Q",
	 N_("Power"),
	 N_("Power off, restart or leave.")},
	{.request = REQ_NONE},
};

const struct key_entry *keys_entry(enum request request)
{
	const struct key_entry *entry = key_table;
	while (entry->request != REQ_NONE && entry->request != request)
		entry++;
	return entry;
}

const char *keys_label(enum request request)
{
	return _(keys_entry(request)->label);
}

static int lower(int key)
{
	return key >= 'A' && key <= 'Z' ? key - 'A' + 'a' : key;
}

bool keys_match(const struct key_entry *entry, int key)
{
	for (size_t i = 0; i < sizeof(entry->keys) / sizeof(entry->keys[0]); i++)
		if (entry->keys[i] && lower(entry->keys[i]) == lower(key))
			return true;
	return false;
}
