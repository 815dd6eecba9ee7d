/* progress.c - where a job stands, as one line on stderr: bytes, percent, rate, time left */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define SECOND	    1000000000ull
#define LINE_EVERY  (10 * SECOND) /* --progress=line */
#define QUIET_EVERY (60 * SECOND) /* auto, and stderr is no terminal */
#define LIVE_EVERY  (SECOND / 5)

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static bool live_terminal(void)
{
	const char *term = getenv("TERM");
	return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

void cli_progress_init(struct cli_progress *progress, const struct cli_args *args,
		       const char *doing)
{
	const char *when = args->progress;
	memset(progress, 0, sizeof(*progress));
	progress->last_phase = -1;
	progress->doing = doing;
	progress->last_ns = now_ns();
	/* programs get status lines; a quiet run wants none */
	if (!when)
		when = args->json || args->quiet ? "none" : "auto";
	if (!strcmp(when, "none")) {
		progress->style = PROGRESS_NONE;
	} else if (!strcmp(when, "auto") && live_terminal()) {
		progress->style = PROGRESS_LIVE;
		progress->every_ns = LIVE_EVERY;
	} else {
		progress->style = PROGRESS_LINES;
		progress->every_ns = !strcmp(when, "line") ? LINE_EVERY : QUIET_EVERY;
	}
}

const char *cli_phase_name(enum sv_phase phase)
{
	static const char *const names[] = {
		[SV_PHASE_PREPARE] = "prepare", [SV_PHASE_COPY] = "copy",
		[SV_PHASE_FLUSH] = "flush",	[SV_PHASE_VERIFY] = "verify",
		[SV_PHASE_FINISH] = "finish",
	};
	return (size_t)phase < SV_ARRAY(names) ? names[phase] : "work";
}

static const char *phase_words(const struct cli_progress *progress, enum sv_phase phase)
{
	switch (phase) {
	case SV_PHASE_PREPARE:
		return "preparing";
	case SV_PHASE_COPY:
		return progress->doing;
	case SV_PHASE_FLUSH:
		return "flushing to the disk";
	case SV_PHASE_VERIFY:
		return "checking";
	default:
		return "finishing";
	}
}

static const char *rescue_words(const char *pass)
{
	static const char *const words[][2] = {
		{"copy", "rescuing"},
		{"edges", "rescuing edges"},
		{"probe", "probing gaps"},
		{"sweep", "reading what is left"},
		{"trim", "trimming bad areas"},
		{"scrape", "scraping bad areas"},
		{"retry", "retrying bad sectors"},
		{"image", "making the image"},
	};
	for (size_t i = 0; i < SV_ARRAY(words); i++)
		if (!strcmp(pass, words[i][0]))
			return words[i][1];
	return "rescuing";
}

/* What the disk lets us wait for instead of a rate and a time that is left. */
static void format_wait(const struct sv_rescue_state *now, char *out, size_t cap)
{
	int n = snprintf(out, cap,
			 now->waits == SV_WAIT_DISK ? "the disk is gone for %llu s, waiting for it"
						    : "the disk does not answer since %llu s",
			 (unsigned long long)now->wait_s);
	if (now->last_errno)
		snprintf(out + n, cap - (size_t)n, ", last error: %s", strerror(now->last_errno));
}

static void format(const struct cli_progress *progress, const struct sv_progress *now, char *out,
		   size_t cap)
{
	char done[SV_SIZE_TEXT], total[SV_SIZE_TEXT], rate[SV_SIZE_TEXT], left[SV_SIZE_TEXT];
	const char *words = phase_words(progress, now->phase);
	if (now->rescue.waits) {
		format_wait(&now->rescue, out, cap);
		return;
	}
	if (now->phase == SV_PHASE_COPY && now->rescue.pass)
		words = rescue_words(now->rescue.pass);
	if (!now->bytes_total) {
		snprintf(out, cap, "%s", words);
		return;
	}
	uint64_t bytes = SV_MIN(now->bytes_done, now->bytes_total);
	/* rounded down: 100 % is only what is complete */
	unsigned int permille = (unsigned int)((double)bytes * 1000.0 / (double)now->bytes_total);
	if (bytes < now->bytes_total)
		permille = SV_MIN(permille, 999u);
	int n = snprintf(out, cap, "%s: %s of %s  %u.%u %%", words, sv_text_size(done, bytes),
			 sv_text_size(total, now->bytes_total), permille / 10, permille % 10);
	if (now->bytes_per_s)
		n += snprintf(out + n, cap - (size_t)n, "  %s/s",
			      sv_text_size(rate, now->bytes_per_s));
	if (now->eta_s != UINT64_MAX && bytes < now->bytes_total)
		n += snprintf(out + n, cap - (size_t)n, "  %s left",
			      sv_text_duration(left, now->eta_s));
	if (now->bad_bytes)
		snprintf(out + n, cap - (size_t)n, "  %s unreadable",
			 sv_text_size(done, now->bad_bytes));
}

static unsigned int screen_columns(void)
{
	struct winsize size;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	return 80;
}

void cli_progress_clear(struct cli_progress *progress)
{
	if (progress->shown)
		fprintf(stderr, "\r%*s\r", (int)progress->shown, "");
	progress->shown = 0;
}

static void show_live(struct cli_progress *progress, const char *line)
{
	/* the last column stays free, or some terminals wrap */
	unsigned int columns = screen_columns();
	unsigned int room = SV_MIN(columns > 1 ? columns - 1 : 1, 200u);
	unsigned int len = SV_MIN((unsigned int)strlen(line), room);
	unsigned int blank = progress->shown > len ? SV_MIN(progress->shown, room) - len : 0;
	fprintf(stderr, "\r%.*s%*s", (int)len, line, (int)blank, "");
	fflush(stderr);
	progress->shown = len;
}

void cli_progress_show(struct cli_progress *progress, const struct sv_progress *now)
{
	char line[256];
	uint64_t t = now_ns();
	bool new_phase = (int)now->phase != progress->last_phase;
	if (progress->style == PROGRESS_NONE)
		return;
	/* one line a minute means one, whatever the phases do */
	new_phase = new_phase && progress->every_ns != QUIET_EVERY;
	if (!new_phase && t - progress->last_ns < progress->every_ns)
		return;
	progress->last_ns = t;
	progress->last_phase = (int)now->phase;
	format(progress, now, line, sizeof(line));
	if (progress->style == PROGRESS_LIVE)
		show_live(progress, line);
	else
		fprintf(stderr, "%s\n", line);
}

void cli_progress_status(struct cli_progress *progress, const struct sv_progress *now)
{
	char line[256];
	format(progress, now, line, sizeof(line));
	cli_progress_clear(progress);
	fprintf(stderr, "%s\n", line);
}
