/* watch.c - a server that has gone must not hold a job in the kernel for ever */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/share/share_int.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

/*
 * Soft mounts alone do not do: the kernel's SMB client repeats a direct write as long as it can
 * connect, and an NFS client works through its state one timeout after another. So the server is
 * asked the first question again and again, on a connection of its own. When it has not answered
 * for GONE_S, MNT_FORCE ends what waits for an NFS server, and what comes after it, too. A write to
 * an SMB server that takes connections and answers nothing survives that, and SIGKILL (Linux 6.1:
 * it waits for a lock that the repeating worker holds), and MNT_FORCE would keep it from going on
 * when the server is back: the caller is told, can tell the user, and the process ends when the
 * server answers or its port is closed.
 */
#define ASK_S	15 /* between two questions */
#define DOUBT_S 3  /* between two, after one without an answer */
#define FORCE_S 1  /* between two MNT_FORCE */
#define GONE_S	60

struct share_watch {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop, gone;     /* under the lock */
	struct share shadow; /* what the questions are asked with; the thread's */
	struct share_params params;
	/* constant */
	char mount_point[SHARE_DIR_MAX];
	void (*on_gone)(void *arg, unsigned int seconds);
	void *arg;
};

static bool is_stopping(void *arg)
{
	struct share_watch *w = arg;
	pthread_mutex_lock(&w->lock);
	bool stop = w->stop;
	pthread_mutex_unlock(&w->lock);
	return stop;
}

static bool answers(struct share_watch *w)
{
	struct sv_err ignored = {0};
	int fd = share_connect(&w->shadow, &ignored);
	if (fd < 0)
		return false;
	int rc = share_kinds[w->shadow.url.kind]->probe(&w->shadow, fd, &ignored);
	close(fd);
	return !rc;
}

/* false when it is time to end. */
static bool pause_for(struct share_watch *w, time_t seconds)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += seconds;
	pthread_mutex_lock(&w->lock);
	while (!w->stop && pthread_cond_timedwait(&w->wake, &w->lock, &until) != ETIMEDOUT)
		;
	bool stop = w->stop;
	pthread_mutex_unlock(&w->lock);
	return !stop;
}

static time_t now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void *watch(void *arg)
{
	struct share_watch *w = arg;
	time_t answered = now_s(), pause = ASK_S;
	while (pause_for(w, pause) && now_s() - answered < GONE_S) {
		bool good = answers(w);
		if (good)
			answered = now_s();
		pause = good ? ASK_S : DOUBT_S;
	}
	for (unsigned int seconds = 0; pause_for(w, 0); pause_for(w, FORCE_S)) {
		pthread_mutex_lock(&w->lock);
		w->gone = true;
		pthread_mutex_unlock(&w->lock);
		/* the share keeps a file open there: this never unmounts */
		if (w->shadow.url.kind == SHARE_NFS)
			umount2(w->mount_point, MNT_FORCE | UMOUNT_NOFOLLOW);
		if (w->on_gone)
			w->on_gone(w->arg, seconds);
		seconds += FORCE_S;
	}
	return NULL;
}

static int start(struct share_watch *w)
{
	pthread_condattr_t attr;
	sigset_t all, old;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_condattr_destroy(&attr);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	int e = pthread_create(&w->thread, NULL, watch, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return e;
}

int share_watch_start(struct share *s, struct sv_err *err)
{
	struct share_watch *w = calloc(1, sizeof(*w));
	if (!w)
		return sv_fail_nomem(err);
	w->params = (struct share_params){.cancelled = is_stopping, .arg = w};
	w->shadow = (struct share){.params = &w->params, .lock_fd = -1, .busy_fd = -1};
	w->shadow.url = s->url;
	/* no name server between us and the answer */
	snprintf(w->shadow.url.host, sizeof(w->shadow.url.host), "%s", s->address);
	w->shadow.url.ipv6 = strchr(s->address, ':');
	w->on_gone = s->params->gone;
	w->arg = s->params->arg;
	snprintf(w->mount_point, sizeof(w->mount_point), "%s", s->mount_point);
	int e = start(w);
	if (e) {
		free(w);
		return sv_fail(err, SV_E_FAILED, e, s->url.host, "cannot start a thread");
	}
	s->watch = w;
	return 0;
}

bool share_watch_stop(struct share *s)
{
	struct share_watch *w = s->watch;
	if (!w)
		return false;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	bool gone = w->gone;
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w);
	s->watch = NULL;
	return gone;
}
