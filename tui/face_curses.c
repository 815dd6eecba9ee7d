/* face_curses.c - pages on a terminal that can move its cursor */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/draw.h"
#include "tui/i18n.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void show(struct face *face, const struct page *page, struct face_view *view, bool fresh)
{
	struct face_curses *c = (struct face_curses *)face;
	if (fresh)
		clearok(curscr, FALSE);
	draw_page(c, page, view);
	refresh();
}

static const struct {
	int curses, code;
} special[] = {
	{KEY_UP, KEY_CODE_UP},
	{KEY_DOWN, KEY_CODE_DOWN},
	{KEY_LEFT, KEY_CODE_LEFT},
	{KEY_RIGHT, KEY_CODE_RIGHT},
	{KEY_PPAGE, KEY_CODE_PAGE_UP},
	{KEY_NPAGE, KEY_CODE_PAGE_DOWN},
	{KEY_HOME, KEY_CODE_HOME},
	{KEY_END, KEY_CODE_END},
	{KEY_BACKSPACE, KEY_CODE_RUBOUT},
	{KEY_ENTER, KEY_CODE_ENTER},
};

static int code_of(wint_t key, bool function)
{
	if (!function)
		return key == '\r' ? KEY_CODE_ENTER : key == '\b' ? KEY_CODE_RUBOUT : (int)key;
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (special[i].curses == (int)key)
			return special[i].code;
	if (key > KEY_F0 && key <= KEY_F(12))
		return KEY_CODE_F1 + (int)key - KEY_F(1);
	return KEY_CODE_NONE;
}

/* A key that curses has already, or that comes in time. */
static void wait_key(struct face *face, const struct page *page, struct face_view *view, int ms,
		     struct face_event *event)
{
	struct face_curses *c = (struct face_curses *)face;
	wint_t key = 0;
	(void)page;
	(void)view;
	int rc = get_wch(&key);
	if (rc == ERR) {
		int n = face_poll(c->signals, ms);
		if (n < 0)
			event->kind = FACE_CLOSED;
		rc = n < 0 ? ERR : get_wch(&key);
		/* input that is none: the terminal is gone */
		if (n > 0 && rc == ERR && !isatty(STDIN_FILENO))
			event->kind = FACE_CLOSED;
	}
	if (rc == ERR)
		return;
	if (rc == KEY_CODE_YES && key == KEY_RESIZE) {
		event->kind = FACE_RESIZE;
		return;
	}
	event->kind = FACE_KEY;
	event->key = code_of(key, rc == KEY_CODE_YES);
}

static void leave(struct face *face)
{
	(void)face;
	def_prog_mode();
	endwin();
}

static void enter(struct face *face)
{
	(void)face;
	reset_prog_mode();
	clearok(stdscr, TRUE);
	refresh();
}

static void destroy(struct face *face)
{
	struct face_curses *c = (struct face_curses *)face;
	endwin();
	guard_end(&c->guard);
	delscreen(c->terminal);
	free(c);
}

static const struct face_ops curses_ops = {
	.name = "curses",
	.show = show,
	.wait = wait_key,
	.leave = leave,
	.enter = enter,
	.destroy = destroy,
};

/* A string of the terminal's description, without the pauses of the machines of old. */
static void add_capability(char *out, size_t cap, const char *name)
{
	const char *text = tigetstr(name);
	size_t len = strlen(out);
	if (!text || text == (char *)-1)
		return;
	for (; *text && len + 1 < cap; text++)
		if (text[0] == '$' && text[1] == '<' && strchr(text, '>'))
			text = strchr(text, '>');
		else
			out[len++] = *text;
	out[len] = '\0';
}

/* What endwin() would write. */
static void watch_over(struct face_curses *c, const struct termios *sane)
{
	static const char *const names[] = {"rmkx", "sgr0", "op", "cnorm", "rmcup"};
	char reset[200] = "";
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		add_capability(reset, sizeof(reset) - 2, names[i]);
	strcat(reset, "\r\n");
	guard_begin(&c->guard, sane, reset);
}

struct face *face_curses_create(int signals, bool mono, bool ascii)
{
	struct termios sane;
	bool terminal = !tcgetattr(STDIN_FILENO, &sane);
	struct face_curses *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->terminal = newterm(NULL, stdout, stdin);
	if (!c->terminal) {
		free(c);
		return NULL;
	}
	c->face.ops = &curses_ops;
	c->signals = signals;
	if (terminal)
		watch_over(c, &sane);
	raw();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(25);
	theme_init(&c->theme, mono || getenv("NO_COLOR"),
		   ascii || getenv("SALVOR_ASCII") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0);
	return &c->face;
}
