/* face_plain.c - pages as sentences and numbered questions, for screen readers and bare lines */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/face.h"
#include "tui/guard.h"
#include "tui/i18n.h"

#include "engine/salvor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_STEP	 100 /* permille between two sentences */
#define PROGRESS_SECONDS 60  /* or so much time */

/* A choice as it was said. */
struct said {
	char label[16];
	int id;
};

struct face_plain {
	struct face face;
	struct guard guard;	  /* a password is asked for without an echo */
	int signals;		  /* of face_signals(), borrowed */
	char line[FACE_TEXT_MAX]; /* typed so far */
	size_t len;
	bool asking; /* a text for the field `field` is asked for */
	int field;
	bool silent;	   /* the terminal does not echo */
	bool echoed;	   /* it did before */
	unsigned int told; /* permille of the last progress sentence */
	time_t told_at;
	bool progressing;
	char *warned;	   /* the last warning that was said while something runs */
	struct said *said; /* what the page offered when it was said; NULL = it was not */
	size_t n_said;
};

static void sentence(const char *text)
{
	size_t len = strlen(text);
	fputs(text, stdout);
	fputs(len && strchr(".!?:", text[len - 1]) ? "\n" : ".\n", stdout);
}

/* What has to be typed to choose a block: its key, else its place in the list. */
static void label_of(const struct page *page, const struct page_block *block, char out[16])
{
	unsigned int n = 1;
	for (const struct page_block *b = page->blocks; b < block; b++)
		n += page_can_focus(b) && !b->key;
	if (block->key)
		snprintf(out, 16, "%c", block->key);
	else
		snprintf(out, 16, "%u", n);
}

static void say_choice(const struct page *page, const struct page_block *block)
{
	char label[16];
	label_of(page, block, label);
	printf("%s. %s", label, block->text ? block->text : "");
	if (block->kind == BLOCK_FIELD || block->kind == BLOCK_OPTION)
		printf(": %s", !block->value || !*block->value ? _("nothing yet")
			       : block->secret		       ? _("typed, and not shown")
							       : block->value);
	fputs("\n", stdout);
}

static void say_block(const struct page *page, const struct page_block *block)
{
	switch (block->kind) {
	case BLOCK_TEXT:
	case BLOCK_HEAD:
		if (block->text && *block->text)
			sentence(block->text);
		break;
	case BLOCK_ITEM:
	case BLOCK_OPTION:
	case BLOCK_FIELD:
		if (page_can_focus(block))
			say_choice(page, block);
		else
			printf(_("Not possible: %s\n"), block->text ? block->text : "");
		break;
	default:
		break; /* pictures: the sentences beside them say the same */
	}
}

static unsigned int count_steps(const struct page *page)
{
	unsigned int n = 0;
	while (page->steps && page->steps[n])
		n++;
	return n;
}

static void say_letters(const struct page *page)
{
	for (size_t i = 0; i < page->n_actions; i++) {
		const struct key_entry *entry = keys_entry(page->actions[i].request);
		for (size_t k = 0; k < SV_ARRAY(entry->keys); k++)
			if (entry->keys[k] > ' ' && entry->keys[k] < 127)
				printf("%c %s, ", entry->keys[k],
				       page_action_label(page, entry->request));
	}
	printf(_("%s? help, ! shell, l log.\n"), page->top ? "" : _("b back, "));
}

static void say_page(const struct page *page)
{
	fputs("\n", stdout);
	sentence(page->title ? page->title : "Salvor");
	if (page->steps)
		printf(_("Step %u of %u, %s.\n"), page->step + 1, count_steps(page),
		       _(page->steps[page->step]));
	for (size_t i = 0; i < page->n; i++)
		say_block(page, &page->blocks[i]);
	if (page->lost)
		sentence(_("out of memory: something is missing here"));
	say_letters(page);
}

static const struct page_block *gauge_of(const struct page *page)
{
	for (size_t i = 1; i + 1 < page->n; i++)
		if (page->blocks[i].kind == BLOCK_GAUGE)
			return &page->blocks[i];
	return NULL;
}

static const char *past_digits(const char *text)
{
	return text + strspn(text, "0123456789");
}

static bool same_but_for_numbers(const char *a, const char *b)
{
	while (*past_digits(a) && *past_digits(a) == *past_digits(b)) {
		a = past_digits(a) + 1;
		b = past_digits(b) + 1;
	}
	return !*past_digits(a) && !*past_digits(b);
}

/* What goes wrong meanwhile is said once, not again with each second that it lasts. */
static void say_warning(struct face_plain *p, const struct page *page)
{
	const char *text = "";
	for (size_t i = 0; i < page->n && !*text; i++)
		if (page->blocks[i].kind == BLOCK_TEXT && page->blocks[i].text &&
		    (page->blocks[i].style == STYLE_WARN || page->blocks[i].style == STYLE_DANGER))
			text = page->blocks[i].text;
	if (same_but_for_numbers(text, p->warned ? p->warned : ""))
		return;
	free(p->warned);
	p->warned = strdup(text);
	if (*text)
		sentence(text);
	fflush(stdout);
}

static void say_progress(struct face_plain *p, const struct page *page,
			 const struct page_block *gauge)
{
	time_t now = time(NULL);
	bool step = gauge->permille / PROGRESS_STEP != p->told / PROGRESS_STEP ||
		    gauge->permille < p->told;
	if (p->progressing && !step && now - p->told_at < PROGRESS_SECONDS)
		return;
	if (!p->progressing)
		say_letters(page);
	p->progressing = true;
	p->told = gauge->permille;
	p->told_at = now;
	printf("%s. ", gauge[-1].text ? gauge[-1].text : "");
	for (const struct page_block *b = gauge + 1;
	     b < page->blocks + page->n && b <= gauge + 2 && b->kind == BLOCK_TEXT; b++)
		sentence(b->text ? b->text : "");
	fflush(stdout);
}

static void forget_said(struct face_plain *p)
{
	free(p->said);
	p->said = NULL;
	p->n_said = 0;
}

/* Something may come to the page before the answer does, and move the numbers. */
static void keep_said(struct face_plain *p, const struct page *page)
{
	p->said = calloc(page->n + 1, sizeof(*p->said));
	for (size_t i = 0; i < page->n && p->said; i++) {
		const struct page_block *block = &page->blocks[i];
		if (!page_can_focus(block))
			continue;
		struct said *said = &p->said[p->n_said++];
		label_of(page, block, said->label);
		said->id = block->id;
	}
}

static void show(struct face *face, const struct page *page, struct face_view *view, bool fresh)
{
	struct face_plain *p = (struct face_plain *)face;
	const struct page_block *gauge = gauge_of(page);
	(void)view;
	if (gauge) {
		say_progress(p, page, gauge);
		say_warning(p, page);
	} else {
		p->progressing = false;
	}
	if (fresh)
		forget_said(p);
	if (!fresh || gauge)
		return;
	say_page(page);
	keep_said(p, page);
	if (page->enter)
		fputs(_("Choice? Enter alone goes on. "), stdout);
	else if (page_focus(page, 0))
		fputs(_("Choice? "), stdout);
	fflush(stdout);
}

/* ---- answers ---- */

static const struct page_block *by_label(const struct page *page, const char *answer)
{
	char label[16];
	for (size_t i = 0; i < page->n; i++) {
		if (!page_can_focus(&page->blocks[i]))
			continue;
		label_of(page, &page->blocks[i], label);
		if (!strcasecmp(label, answer))
			return &page->blocks[i];
	}
	return NULL;
}

static const struct said *said_as(const struct face_plain *p, const char *answer)
{
	for (size_t i = 0; i < p->n_said; i++)
		if (!strcasecmp(p->said[i].label, answer))
			return &p->said[i];
	return NULL;
}

/* NULL: it cannot be chosen any more. */
static const struct page_block *by_id(const struct page *page, int id)
{
	const struct page_block *block = page_focus(page, id);
	return block && block->id == id ? block : NULL;
}

static enum request by_letter(const struct page *page, const char *answer)
{
	if (strlen(answer) != 1)
		return REQ_NONE;
	for (const struct key_entry *entry = key_table; entry->request != REQ_NONE; entry++)
		if (entry->where != KEY_MOVE && keys_match(entry, *answer) &&
		    (entry->where == KEY_ALWAYS || page_has_action(page, entry->request)))
			return entry->request;
	return REQ_NONE;
}

/* A password does not appear as it is typed. */
static void set_echo(struct face_plain *p, bool on)
{
	struct termios t;
	p->silent = !on;
	if (tcgetattr(STDIN_FILENO, &t))
		return;
	if (!on)
		p->echoed = t.c_lflag & ECHO;
	t.c_lflag &= ~(tcflag_t)ECHO;
	if (on && p->echoed)
		t.c_lflag |= ECHO;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &t);
}

static void ask_text(struct face_plain *p, const struct page_block *block)
{
	p->asking = true;
	p->field = block->id;
	if (block->secret)
		set_echo(p, false);
	printf("%s? ", block->text ? block->text : "");
	fflush(stdout);
}

static void answer_line(struct face_plain *p, const struct page *page, const char *answer,
			struct face_event *event)
{
	if (p->asking) {
		p->asking = false;
		event->kind = FACE_TEXT;
		event->id = p->field;
		snprintf(event->text, sizeof(event->text), "%s", answer);
		if (p->silent) {
			set_echo(p, true);
			explicit_bzero(p->line, sizeof(p->line));
			fputs("\n", stdout);
		}
		return;
	}
	const struct said *said = said_as(p, answer);
	const struct page_block *block = said	   ? by_id(page, said->id)
					 : p->said ? NULL
						   : by_label(page, answer);
	if (block && block->kind == BLOCK_FIELD) {
		ask_text(p, block);
		return;
	}
	if (page->enter && !*answer)
		block = page_focus(page, page->enter);
	event->kind = block ? FACE_CHOOSE : FACE_REQUEST;
	event->id = block ? block->id : -1;
	event->request = block || said ? REQ_NONE : by_letter(page, answer);
	if (!block && event->request == REQ_NONE && *answer)
		printf(_("\"%s\" is none of the choices.\n"), answer);
}

static void wait_line(struct face *face, const struct page *page, struct face_view *view, int ms,
		      struct face_event *event)
{
	struct face_plain *p = (struct face_plain *)face;
	char c;
	(void)view;
	int n = face_poll(p->signals, ms);
	if (n < 0)
		event->kind = FACE_CLOSED;
	if (n <= 0)
		return;
	/* a character at a time: what follows the line belongs to the next question, or a shell */
	ssize_t got = read(STDIN_FILENO, &c, 1);
	if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
		event->kind = FACE_CLOSED;
		return;
	}
	if (got == 1 && c != '\n' && c != '\r') {
		if (p->len + 1 < sizeof(p->line))
			p->line[p->len++] = c;
		event->kind = FACE_RESIZE; /* nothing to do, but no tick either */
		return;
	}
	p->line[p->len] = '\0';
	p->len = 0;
	answer_line(p, page, p->line, event);
}

static void nothing(struct face *face)
{
	(void)face;
	fflush(stdout);
}

static void destroy(struct face *face)
{
	struct face_plain *p = (struct face_plain *)face;
	if (p->silent)
		set_echo(p, true);
	guard_end(&p->guard);
	fputs("\n", stdout);
	fflush(stdout);
	forget_said(p);
	free(p->warned);
	free(p);
}

static const struct face_ops plain_ops = {
	.name = "plain",
	.show = show,
	.wait = wait_line,
	.leave = nothing,
	.enter = nothing,
	.destroy = destroy,
};

struct face *face_plain_create(int signals)
{
	struct termios sane;
	struct face_plain *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->face.ops = &plain_ops;
	p->signals = signals;
	if (!tcgetattr(STDIN_FILENO, &sane))
		guard_begin(&p->guard, &sane, "");
	puts(_("Salvor, plain mode. Answer with a number or letter and Enter."));
	return &p->face;
}
