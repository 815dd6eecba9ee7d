/* task.c - something that may take as long as a disk or a server likes, on a thread of its own */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/task.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* Whoever leaves last frees it. */
struct task {
	pthread_mutex_t lock; /* guards ended and left */
	pthread_cond_t over;
	void (*run)(void *arg);
	void (*drop)(void *arg);
	void *arg;
	bool ended, left;
};

static struct task *task_create(void (*run)(void *arg), void (*drop)(void *arg), void *arg)
{
	pthread_condattr_t attr;
	struct task *task = calloc(1, sizeof(*task));
	if (!task)
		return NULL;
	task->run = run;
	task->drop = drop;
	task->arg = arg;
	pthread_mutex_init(&task->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&task->over, &attr);
	pthread_condattr_destroy(&attr);
	return task;
}

static void task_free(struct task *task)
{
	task->drop(task->arg);
	pthread_mutex_destroy(&task->lock);
	pthread_cond_destroy(&task->over);
	free(task);
}

static void *runner(void *arg)
{
	struct task *task = arg;
	task->run(task->arg);
	pthread_mutex_lock(&task->lock);
	task->ended = true;
	bool last = task->left;
	pthread_cond_signal(&task->over);
	pthread_mutex_unlock(&task->lock);
	if (last)
		task_free(task);
	return NULL;
}

struct task *task_begin(void (*run)(void *arg), void (*drop)(void *arg), void *arg)
{
	pthread_t thread;
	struct task *task = task_create(run, drop, arg);
	if (!task) {
		drop(arg);
		return NULL;
	}
	if (pthread_create(&thread, NULL, runner, task)) {
		task_free(task);
		return NULL;
	}
	pthread_detach(thread);
	return task;
}

static struct timespec in_ms(int ms)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += (ms % 1000) * 1000000l;
	t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000l;
	t.tv_nsec %= 1000000000l;
	return t;
}

bool task_ended(struct task *task, int ms)
{
	struct timespec until = in_ms(ms);
	int rc = 0;
	pthread_mutex_lock(&task->lock);
	while (!task->ended && ms > 0 && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&task->over, &task->lock, &until);
	bool ended = task->ended;
	pthread_mutex_unlock(&task->lock);
	return ended;
}

void task_leave(struct task *task)
{
	if (!task)
		return;
	pthread_mutex_lock(&task->lock);
	bool ended = task->ended;
	task->left = true;
	pthread_mutex_unlock(&task->lock);
	if (ended)
		task_free(task);
}
