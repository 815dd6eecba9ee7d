/* screen_settings.c - language, keyboard layout, font and time zone: asked once, changed later */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/app.h"
#include "tui/i18n.h"
#include "tui/live.h"
#include "tui/settings.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum settings_id { ID_LANGUAGE = 1, ID_KEYMAP, ID_TRY, ID_FONT, ID_ZONE, ID_GO, ID_SPEAK = 100 };

static const struct language {
	const char *code, *name; /* in itself */
	char key;
} languages[] = {{"en", "English", 'E'}, {"de", "Deutsch", 'D'}};

static const char *const fonts[] = {"auto", "small", "large"};
static const char *const font_words[] = {N_("as the screen wants it"), N_("small"), N_("large")};

struct settings_state {
	unsigned int language, font;
	char keymap[LIVE_VALUE], zone[LIVE_VALUE];
	char tried[64];
};

/* gettext(3): a changed LANGUAGE is looked at again when this is counted up. */
extern int _nl_msg_cat_cntr;

static void speak(struct app *app, unsigned int language)
{
	setenv("LANGUAGE", languages[language].code, 1);
	_nl_msg_cat_cntr++;
	app->fresh = true;
}

/* A language as the kernel's line has it: de, de_DE.UTF-8; what is not known is English. */
static unsigned int language_of(const char *value)
{
	for (unsigned int i = 0; i < SV_ARRAY(languages); i++)
		if (!strncmp(value, languages[i].code, 2))
			return i;
	return 0;
}

static int open_settings(struct app *app, struct screen *screen, struct sv_err *err)
{
	struct settings_state *s = screen->state;
	const char *now = getenv("LANGUAGE");
	char font[LIVE_VALUE];
	(void)err;
	s->language = now ? language_of(now) : 0;
	live_param(app, "keymap", s->keymap);
	live_param(app, "tz", s->zone);
	live_param(app, "font", font);
	for (unsigned int i = 0; i < SV_ARRAY(fonts); i++)
		if (!strcmp(font, fonts[i]))
			s->font = i;
	return 0;
}

static void fill_system(const struct settings_state *s, struct page *page)
{
	const char *why = live_why_not();
	if (!why)
		page_option(page, ID_FONT, _("Font"), "%s", _(font_words[s->font]));
	page_item(page, ID_KEYMAP, 'K', why, "%s  %s", _("Keyboard layout ..."),
		  why || *s->keymap ? s->keymap : "us");
	page_item(page, ID_ZONE, 'Z', why, "%s  %s", _("Time zone ..."),
		  why || *s->zone ? s->zone : "UTC");
	page_gap(page);
	page_text(page, STYLE_NORMAL, "%s",
		  _("The clock of this computer is never set; only what is shown changes."));
	page_field(page, ID_TRY, _("Try keys here"), s->tried, false);
}

static void fill(const struct app *app, const struct screen *screen, struct page *page)
{
	const struct settings_state *s = screen->state;
	(void)app;
	page_title(page, _("Language, keyboard, font, time zone"));
	page_gap(page);
	page_option(page, ID_LANGUAGE, _("Language"), "%s", languages[s->language].name);
	fill_system(s, page);
}

static void change(struct app *app, struct settings_state *s, int id, int step)
{
	if (id == ID_LANGUAGE) {
		unsigned int n = SV_ARRAY(languages);
		s->language = (s->language + (step < 0 ? n - 1 : 1)) % n;
		speak(app, s->language);
		/* for the sessions that begin later */
		if (!live_why_not())
			live_set(app, "lang", languages[s->language].code);
	} else if (id == ID_FONT && !live_why_not()) {
		unsigned int n = SV_ARRAY(fonts);
		unsigned int font = (s->font + (step < 0 ? n - 1 : 1)) % n;
		if (live_set(app, "font", fonts[font]))
			s->font = font;
		app->fresh = true;
	}
}

static bool act(struct app *app, struct screen *screen, enum request request, int id)
{
	if (request == REQ_LEFT || request == REQ_RIGHT)
		change(app, screen->state, id, request == REQ_LEFT ? -1 : 1);
	if (request != REQ_ENTER)
		return false;
	if (id == ID_KEYMAP)
		app_push(app, &screen_keymap);
	else if (id == ID_ZONE)
		app_push(app, &screen_zone);
	else
		change(app, screen->state, id, 1);
	return true;
}

static void text(struct app *app, struct screen *screen, int id, const char *value)
{
	struct settings_state *s = screen->state;
	(void)app;
	if (id == ID_TRY)
		snprintf(s->tried, sizeof(s->tried), "%s", value);
}

const struct screen_ops screen_settings = {
	.name = "settings",
	.help = N_(
		"Everything here counts at once, and until the computer is switched off. The same "
		"can be written into the boot menu: salvor.lang, salvor.keymap, salvor.font, "
		"salvor.tz (salvor-boot(7))."),
	.state_size = sizeof(struct settings_state),
	.open = open_settings,
	.fill = fill,
	.act = act,
	.text = text,
};

/* ---- asked once, before anything else ---- */

void settings_begin(struct app *app)
{
	const char *given = getenv("LANGUAGE");
	char answered[LIVE_VALUE];
	if (live_why_not() || (given && *given))
		return;
	live_param(app, "lang", answered);
	if (*answered)
		speak(app, language_of(answered));
	else
		app_push(app, &screen_welcome);
}

static void fill_welcome(const struct app *app, const struct screen *screen, struct page *page)
{
	const struct settings_state *s = screen->state;
	(void)app;
	page_title(page, _("Welcome to Salvor"));
	page_gap(page);
	/* a translation names its own language */
	page_item(page, ID_GO, 0, NULL, "%s", _("Go on in English"));
	for (unsigned int i = 0; i < SV_ARRAY(languages); i++)
		if (i != s->language)
			page_item(page, ID_SPEAK + (int)i, languages[i].key, NULL, "%s",
				  languages[i].name);
	page_gap(page);
	fill_system(s, page);
	page->enter = ID_GO;
}

/* Kept for the other consoles, and for the sessions that begin later. */
static void go_on(struct app *app, unsigned int language)
{
	app_pop(app);
	live_set(app, "lang", languages[language].code);
}

static bool act_welcome(struct app *app, struct screen *screen, enum request request, int id)
{
	struct settings_state *s = screen->state;
	if (request == REQ_BACK || (request == REQ_ENTER && id == ID_GO)) {
		go_on(app, s->language);
		return true;
	}
	if (request == REQ_ENTER && id >= ID_SPEAK) {
		s->language = (unsigned int)(id - ID_SPEAK);
		speak(app, s->language);
		screen->view.focus = ID_GO;
		return true;
	}
	return act(app, screen, request, id);
}

/* Whoever sits at another console may have answered meanwhile. */
static void tick_welcome(struct app *app, struct screen *screen)
{
	char answered[LIVE_VALUE];
	(void)screen;
	live_param(app, "lang", answered);
	if (!*answered)
		return;
	speak(app, language_of(answered));
	app_pop(app);
}

const struct screen_ops screen_welcome = {
	.name = "welcome",
	.help = N_("This is asked once, when the live system was started without a language. Enter "
		   "takes what is shown. All of it can be changed later, too: it is point 9 of "
		   "the first page."),
	.state_size = sizeof(struct settings_state),
	.tick_ms = 2000,
	.open = open_settings,
	.fill = fill_welcome,
	.act = act_welcome,
	.text = text,
	.tick = tick_welcome,
};

/* ---- one of many ---- */

struct choice_state {
	char **v; /* the values, sorted */
	size_t n;
};

/* The part of a path that is the value: between the folder and the end of the name. */
static char *value_of(const char *path, const char *folder, bool base, const char *end)
{
	const char *value = base ? strrchr(path, '/') + 1 : path + strlen(folder) + 1;
	size_t len = strlen(value), cut = strlen(end);
	return strndup(value, len > cut ? len - cut : len);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All files of a pattern in a folder of the system. */
static void find(const struct app *app, struct choice_state *s, const char *folder,
		 const char *pattern, bool base, const char *end)
{
	char path[512], top[256];
	glob_t found = {0};
	snprintf(top, sizeof(top), "%s%s", app->root, folder);
	snprintf(path, sizeof(path), "%s/%s", top, pattern);
	if (glob(path, GLOB_MARK, NULL, &found))
		return;
	char **grown = reallocarray(s->v, s->n + found.gl_pathc, sizeof(*grown));
	if (grown)
		s->v = grown;
	for (size_t i = 0; grown && i < found.gl_pathc; i++) {
		const char *one = found.gl_pathv[i];
		if (one[strlen(one) - 1] == '/')
			continue;
		s->v[s->n] = value_of(one, top, base, end);
		s->n += s->v[s->n] != NULL;
	}
	globfree(&found);
	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), compare);
}

static void choice_fill(const struct choice_state *s, const char *title, struct page *page)
{
	page_title(page, title);
	for (size_t i = 0; i < s->n; i++)
		page_item(page, (int)i, 0, NULL, "%s", s->v[i]);
	if (!s->n)
		page_text(page, STYLE_WARN, "%s", _("There is nothing to choose from here."));
}

/* What was chosen is shown on the page below. */
static void take(struct app *app, const struct choice_state *s, int id, const char *name)
{
	char value[LIVE_VALUE];
	if (id < 0 || (size_t)id >= s->n)
		return;
	snprintf(value, sizeof(value), "%s", s->v[id]);
	app_pop(app);
	const struct screen_ops *below = app->top->ops;
	if ((below != &screen_settings && below != &screen_welcome) || !live_set(app, name, value))
		return;
	/* live_set() put no page on top: it is still that one */
	struct settings_state *settings = app->top->state;
	memcpy(!strcmp(name, "keymap") ? settings->keymap : settings->zone, value, sizeof(value));
}

static void choice_done(struct app *app, struct screen *screen)
{
	struct choice_state *s = screen->state;
	(void)app;
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
}

static int keymap_open(struct app *app, struct screen *screen, struct sv_err *err)
{
	(void)err;
	find(app, screen->state, "/usr/share/keymaps", "i386/*/*.kmap.gz", true, ".kmap.gz");
	return 0;
}

static void keymap_fill(const struct app *app, const struct screen *screen, struct page *page)
{
	(void)app;
	choice_fill(screen->state, _("Which keyboard layout?"), page);
}

static bool keymap_act(struct app *app, struct screen *screen, enum request request, int id)
{
	if (request == REQ_ENTER)
		take(app, screen->state, id, "keymap");
	return false;
}

const struct screen_ops screen_keymap = {
	.name = "keymap",
	.help = N_(
		"The layout of the keyboard of this computer, by the names that Linux gives them: "
		"de-latin1-nodeadkeys, fr-latin9, uk ..."),
	.state_size = sizeof(struct choice_state),
	.open = keymap_open,
	.fill = keymap_fill,
	.act = keymap_act,
	.done = choice_done,
};

static int zone_open(struct app *app, struct screen *screen, struct sv_err *err)
{
	(void)err;
	find(app, screen->state, "/usr/share/zoneinfo", "[A-Z]*/*", false, "");
	find(app, screen->state, "/usr/share/zoneinfo", "[A-Z]*/*/*", false, "");
	return 0;
}

static void zone_fill(const struct app *app, const struct screen *screen, struct page *page)
{
	(void)app;
	choice_fill(screen->state, _("Which time zone?"), page);
}

static bool zone_act(struct app *app, struct screen *screen, enum request request, int id)
{
	if (request == REQ_ENTER)
		take(app, screen->state, id, "tz");
	return false;
}

const struct screen_ops screen_zone = {
	.name = "zone",
	.help = N_(
		"For the times in the log and in reports. The clock of the computer is not set."),
	.state_size = sizeof(struct choice_state),
	.open = zone_open,
	.fill = zone_fill,
	.act = zone_act,
	.done = choice_done,
};
