/* run.c - the course of every job: start, events, progress, signals, end */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

/* More unreadable areas than this are not told to people one by one. */
#define MAX_BAD_LINES 20

struct run {
	const struct cli_args *args;
	const struct cli_job_ops *ops;
	struct sv_job *job;
	pthread_mutex_t
		lock; /* guards all below and both outputs: events come from the job's thread */
	struct cli_progress progress;
	bool start_said;
	json_t *held; /* lines that came before the start line could be said */
	uint64_t bad_areas;
	atomic_uint stops; /* signals that asked for an end; written by the main thread */
	struct sv_unlock unlock;
	struct timespec began, last_status;
};

static uint64_t ms_since(const struct timespec *then)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t ms = (now.tv_sec - then->tv_sec) * 1000 + (now.tv_nsec - then->tv_nsec) / 1000000;
	return ms > 0 ? (uint64_t)ms : 0;
}

/* ---- for programs ---- */

static void emit(struct run *run, json_t *line)
{
	if (!line)
		return;
	if (run->start_said)
		cli_json_line(line, NULL);
	else
		cli_json_push(run->held, line);
}

/* The start line is always the first. With --resume it waits for the number of bytes; `event` is
 * NULL where that never came. */
static void say_start(struct run *run, const struct sv_event *event)
{
	char now[SV_SIZE_TEXT];
	if (run->start_said)
		return;
	json_t *line = cli_json_new("start");
	cli_json_string(line, "verb", run->args->verb->name);
	run->ops->start(run->args, line);
	cli_json_bool(line, "dry_run", run->args->dry_run);
	if (run->args->resume && event)
		cli_json_bytes(line, "resumed_from", event->resumed_from);
	cli_json_string(line, "time", cli_now(now));
	cli_json_line(line, NULL);
	run->start_said = true;
	for (size_t i = 0; i < json_array_size(run->held); i++)
		cli_json_line(json_incref(json_array_get(run->held, i)), NULL);
	json_array_clear(run->held);
}

static void json_rescue(json_t *line, const struct sv_rescue_state *now)
{
	cli_json_string(line, "pass", now->pass);
	cli_json_bytes(line, "rescued", now->rescued);
	cli_json_bytes(line, "untried", now->untried);
	cli_json_bytes(line, "failed", now->failed);
	cli_json_bytes(line, "bad", now->bad);
	cli_json_bytes(line, "slow", now->slow);
	cli_json_bytes(line, "reads", now->reads);
	cli_json_bytes(line, "failed_reads", now->failed_reads);
	if (!now->waits)
		return;
	cli_json_string(line, "waits_for", now->waits == SV_WAIT_DISK ? "disk" : "answer");
	cli_json_bytes(line, "waits_s", now->wait_s);
}

static void status_line(struct run *run, const struct sv_progress *now)
{
	json_t *line = cli_json_new("status");
	cli_json_string(line, "phase", cli_phase_name(now->phase));
	cli_json_bytes(line, "bytes_done", now->bytes_done);
	cli_json_bytes(line, "bytes_total", now->bytes_total);
	cli_json_bytes(line, "rate", now->bytes_per_s);
	if (now->eta_s == UINT64_MAX)
		cli_json_add(line, "eta_s", json_null());
	else
		cli_json_bytes(line, "eta_s", now->eta_s);
	cli_json_bytes(line, "bytes_stored", now->bytes_stored);
	cli_json_bytes(line, "bad_bytes", now->bad_bytes);
	if (now->rescue.pass)
		json_rescue(line, &now->rescue);
	cli_json_line(line, NULL);
	clock_gettime(CLOCK_MONOTONIC, &run->last_status);
}

static json_t *message_line(const char *type, const struct sv_event *event)
{
	json_t *line = cli_json_new(type);
	cli_json_string(line, "message", event->sentence);
	cli_json_text(line, "object", event->object);
	if (event->kind == SV_EVENT_BAD || event->kind == SV_EVENT_DAMAGE) {
		cli_json_bytes(line, "start", event->start);
		cli_json_bytes(line, "len", event->len);
	}
	return line;
}

static void json_map_warnings(struct run *run, const struct sv_map *map)
{
	char text[CLI_WARNING_TEXT];
	for (size_t i = 0; map && cli_map_warning(map, i, text); i++)
		emit(run, message_line("warning", &(struct sv_event){.kind = SV_EVENT_WARNING,
								     .sentence = text,
								     .object = map->source}));
}

static void json_event(struct run *run, const struct sv_event *event)
{
	switch (event->kind) {
	case SV_EVENT_START:
		say_start(run, event);
		break;
	case SV_EVENT_PLAN:
		if (run->ops->plan_json && !run->ops->plan_early)
			emit(run, run->ops->plan_json(run->args, event->map));
		json_map_warnings(run, event->map);
		break;
	case SV_EVENT_WARNING:
		emit(run, message_line("warning", event));
		break;
	case SV_EVENT_BAD:
		emit(run, message_line("bad", event));
		break;
	case SV_EVENT_DAMAGE:
		emit(run, message_line("damage", event));
		break;
	case SV_EVENT_NOTE:
		emit(run, message_line("note", event));
		break;
	case SV_EVENT_REPORT:
		emit(run, cli_json_report(event->report));
		break;
	}
}

/* ---- for people ---- */

static void say(const char *kind, const char *sentence)
{
	fprintf(stderr, "salvor: %s", kind);
	cli_put(stderr, sentence);
	fputs("\n", stderr);
}

/* Most sentences name their place themselves. */
static void say_damage(const struct sv_event *event)
{
	if (event->len && !strstr(event->sentence, "bytes ")) {
		printf("bytes %llu to %llu: ", (unsigned long long)event->start,
		       (unsigned long long)(event->start + event->len - 1));
	} else if (event->object && !event->len && !strstr(event->sentence, event->object)) {
		cli_put(stdout, event->object);
		fputs(": ", stdout);
	}
	cli_put(stdout, event->sentence);
	fputs("\n", stdout);
	fflush(stdout);
}

static void say_bad(struct run *run, const struct sv_event *event)
{
	if (run->bad_areas++ >= MAX_BAD_LINES)
		return;
	say("unreadable: ", event->sentence);
	if (run->bad_areas == MAX_BAD_LINES)
		say("", "further unreadable areas are only counted");
}

static bool wants_plan(const struct cli_args *args)
{
	return args->dry_run || args->verbose;
}

static void human_plan(struct run *run, const struct sv_map *map)
{
	char text[CLI_WARNING_TEXT];
	if (run->ops->plan && !run->ops->plan_early && wants_plan(run->args))
		run->ops->plan(run->args, map);
	else
		for (size_t i = 0; map && cli_map_warning(map, i, text); i++)
			cli_say_warning(text);
	fflush(stdout);
}

static void human_event(struct run *run, const struct sv_event *event)
{
	char size[SV_SIZE_TEXT];
	cli_progress_clear(&run->progress);
	switch (event->kind) {
	case SV_EVENT_START:
		if (event->resumed && !run->args->quiet)
			fprintf(stderr, "salvor: continuing at %s\n",
				sv_text_size(size, event->resumed_from));
		break;
	case SV_EVENT_PLAN:
		human_plan(run, event->map);
		break;
	case SV_EVENT_WARNING:
		cli_say_warning(event->sentence);
		break;
	case SV_EVENT_BAD:
		say_bad(run, event);
		break;
	case SV_EVENT_DAMAGE:
		say_damage(event);
		break;
	case SV_EVENT_NOTE:
		if (run->args->verbose)
			say("", event->sentence);
		break;
	case SV_EVENT_REPORT:
		if (!run->args->quiet)
			say("", event->sentence);
		break;
	}
}

static void on_event(void *arg, const struct sv_event *event)
{
	struct run *run = arg;
	pthread_mutex_lock(&run->lock);
	if (run->args->json)
		json_event(run, event);
	else
		human_event(run, event);
	pthread_mutex_unlock(&run->lock);
}

/* The terminal is the asker's until there is an answer. A signal waits meanwhile: nobody fetches
 * it. */
static int ask(void *arg, const char *volume, unsigned int attempt,
	       char passphrase[SV_PASSPHRASE_MAX], struct sv_err *err)
{
	struct run *run = arg;
	pthread_mutex_lock(&run->lock);
	cli_progress_clear(&run->progress);
	int rc = cli_unlock_ask(NULL, volume, attempt, passphrase, err);
	pthread_mutex_unlock(&run->lock);
	return rc;
}

static bool cancelled(void *arg)
{
	struct run *run = arg;
	return run->stops;
}

const struct sv_unlock *cli_job_unlock(const struct cli_args *args, void *arg)
{
	struct run *run = arg;
	cli_unlock_init(args, &run->unlock);
	if (run->unlock.ask)
		run->unlock.ask = ask;
	run->unlock.cancelled = cancelled;
	run->unlock.arg = run;
	return &run->unlock;
}

static void before(struct run *run)
{
	if (run->args->json && !run->args->resume)
		say_start(run, NULL);
	if (!run->ops->plan_early)
		return;
	if (run->args->json)
		emit(run, run->ops->plan_json(run->args, NULL));
	else if (wants_plan(run->args))
		run->ops->plan(run->args, NULL);
	fflush(stdout);
}

/* ---- signals: blocked everywhere, fetched here ---- */

static sigset_t end_signals(void)
{
	sigset_t set;
	struct sigaction hup;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	/* nohup means it */
	if (sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler != SIG_IGN)
		sigaddset(&set, SIGHUP);
	return set;
}

static sigset_t job_signals(void)
{
	sigset_t set = end_signals();
	sigaddset(&set, SIGUSR1);
	return set;
}

void cli_signals_hold(void)
{
	sigset_t set = end_signals();
	sigprocmask(SIG_BLOCK, &set, NULL);
}

bool cli_signals_pending(void)
{
	sigset_t pending;
	return !sigpending(&pending) &&
	       (sigismember(&pending, SIGINT) > 0 || sigismember(&pending, SIGTERM) > 0 ||
		sigismember(&pending, SIGHUP) > 0);
}

int cli_signals_release(struct sv_err *err)
{
	sigset_t set = end_signals();
	struct timespec now = {0};
	bool came = sigtimedwait(&set, NULL, &now) > 0;
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	if (came)
		return sv_fail(err, SV_E_STOPPED, 0, "", "stopped by the user");
	return 0;
}

static void end_at_once(int sig)
{
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, sig);
	signal(sig, SIG_DFL);
	raise(sig);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
}

static void stop(struct run *run, int sig)
{
	cli_progress_clear(&run->progress);
	switch (run->stops++) {
	case 0:
		sv_job_cancel(run->job);
		if (!run->args->quiet && !run->args->json)
			say("", "stopping cleanly");
		break;
	case 1:
		say("", "still stopping; a third signal ends salvor at once");
		break;
	default:
		end_at_once(sig);
	}
}

static void on_signal(struct run *run, int sig, const struct sv_progress *now)
{
	pthread_mutex_lock(&run->lock);
	if (sig == SIGUSR1) {
		cli_progress_status(&run->progress, now);
		if (run->args->json && run->start_said)
			status_line(run, now);
	} else {
		stop(run, sig);
	}
	pthread_mutex_unlock(&run->lock);
}

/* ---- the course ---- */

static void show_progress(struct run *run, const struct sv_progress *now)
{
	pthread_mutex_lock(&run->lock);
	cli_progress_show(&run->progress, now);
	if (run->args->json && run->start_said && ms_since(&run->last_status) >= 1000)
		status_line(run, now);
	pthread_mutex_unlock(&run->lock);
}

static void watch(struct run *run, const sigset_t *signals)
{
	struct sv_progress now;
	long ms = 2; /* short jobs end soon, long ones need not be asked so often */
	for (;;) {
		struct timespec pause = {.tv_nsec = ms * 1000000};
		sv_job_progress(run->job, &now);
		if (now.finished)
			return;
		show_progress(run, &now);
		int sig = sigtimedwait(signals, NULL, &pause);
		if (sig > 0)
			on_signal(run, sig, &now);
		ms = SV_MIN(ms + ms / 2 + 1, 100);
	}
}

static int start_and_watch(struct run *run, const sigset_t *signals, struct sv_err *err)
{
	int rc = sv_job_start(run->job, err);
	if (rc)
		return rc;
	watch(run, signals);
	return sv_job_wait(run->job, err);
}

static void sum_up(const struct run *run, int rc, const struct cli_job_result *result)
{
	if (run->args->quiet || (rc && (rc != SV_E_UNREADABLE || !run->ops->sums_up_unreadable)))
		return;
	if (!run->args->dry_run)
		run->ops->summary(run->args, result);
	else if (!rc)
		puts("Nothing was written. All checks passed.");
}

static void after(struct run *run, int rc)
{
	struct cli_job_result result = {.seconds = ms_since(&run->began) / 1000};
	sv_job_progress(run->job, &result.last);
	cli_progress_clear(&run->progress);
	if (!run->args->json) {
		sum_up(run, rc, &result);
		return;
	}
	say_start(run, NULL);
	status_line(run, &result.last);
}

int cli_job_run(const struct cli_args *args, const struct cli_job_ops *ops, struct sv_err *err)
{
	struct run run = {.args = args, .ops = ops, .lock = PTHREAD_MUTEX_INITIALIZER};
	sigset_t signals = job_signals();
	int rc = ops->create(args, on_event, &run, &run.job, err);
	if (rc)
		return rc;
	sigprocmask(SIG_BLOCK, &signals, NULL);
	/* a reader that goes away does not end a job */
	signal(SIGPIPE, SIG_IGN);
	clock_gettime(CLOCK_MONOTONIC, &run.began);
	run.last_status = run.began;
	run.held = json_array();
	cli_progress_init(&run.progress, args, ops->doing);
	before(&run);
	rc = start_and_watch(&run, &signals, err);
	after(&run, rc);
	sv_job_destroy(run.job);
	json_decref(run.held);
	return rc;
}
