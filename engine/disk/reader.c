/* reader.c - reads of a failing disk, on a thread of their own: one that hangs holds nobody up */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/reader.h"

#include "engine/disk/passthrough.h"
#include "engine/util/bytes.h"
#include "engine/util/rate.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ALIGN 4096u /* of the buffer, for direct reads */

enum state { IDLE, READING, ENDING };

struct disk_reader {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t asked, answered;
	/* under the lock */
	enum state state;
	bool left; /* nobody waits any more: the thread cleans up */
	uint64_t off;
	uint32_t len;
	struct disk_read read;
	void (*last)(void *arg);
	void *arg;
	/* the thread's while it reads, else the caller's */
	struct blk_dev *dev;
	uint8_t *buf, *second; /* second: until the commands are proven */
	struct passthrough pass;
};

static void reader_free(struct disk_reader *r)
{
	pthread_cond_destroy(&r->asked);
	pthread_cond_destroy(&r->answered);
	pthread_mutex_destroy(&r->lock);
	free(r->buf);
	free(r->second);
	free(r);
}

static void by_kernel(struct disk_reader *r, uint64_t off, uint32_t len, struct disk_read *read)
{
	/* what no device said is not about a sector */
	if (blk_pread(r->dev, r->buf, len, off, &read->why))
		read->error = read->why.sys_errno ? read->why.sys_errno : EINVAL;
}

/*
 * false: to be read by the kernel's way. Some adapters answer commands of one's own with something
 * else, or with a failure: until they are proven the kernel's way counts. NVMe has no adapters, and
 * what fails there would be repeated by the kernel: that counts at once.
 */
static bool by_command(struct disk_reader *r, uint64_t off, uint32_t len, struct disk_read *read)
{
	bool proven = !r->second;
	if (r->pass.kind == PASS_NONE || (r->pass.kind == PASS_SCSI && !proven))
		return false;
	int e = passthrough_read(&r->pass, r->buf, len, off, &read->bad);
	if (e == PASS_UNSUPPORTED)
		r->pass.kind = PASS_NONE;
	if (e == PASS_UNSUPPORTED || (!e && !proven)) {
		read->bad = UINT64_MAX;
		return false;
	}
	read->error = e;
	if (e)
		sv_fail(&read->why, SV_E_IO, e, r->dev->name,
			"cannot read %u bytes at offset %llu of %s", len, (unsigned long long)off,
			r->dev->name);
	return true;
}

/* The kernel has read this: a command must read the same. */
static void prove(struct disk_reader *r, uint64_t off, uint32_t len)
{
	uint64_t bad;
	if (r->pass.kind == PASS_NONE || !r->second)
		return;
	if (passthrough_read(&r->pass, r->second, len, off, &bad) || memcmp(r->buf, r->second, len))
		r->pass.kind = PASS_NONE;
	free(r->second);
	r->second = NULL;
}

static void read_once(struct disk_reader *r, uint64_t off, uint32_t len, struct disk_read *read)
{
	uint64_t then = sv_now_ns();
	*read = (struct disk_read){.bad = UINT64_MAX};
	if (!by_command(r, off, len, read)) {
		by_kernel(r, off, len, read);
		if (!read->error)
			prove(r, off, len);
	}
	read->us = (sv_now_ns() - then) / 1000;
}

static void *reader_main(void *arg)
{
	struct disk_reader *r = arg;
	struct disk_read read;
	pthread_mutex_lock(&r->lock);
	while (r->state != ENDING) {
		if (r->state == IDLE) {
			pthread_cond_wait(&r->asked, &r->lock);
			continue;
		}
		pthread_mutex_unlock(&r->lock);
		read_once(r, r->off, r->len, &read);
		pthread_mutex_lock(&r->lock);
		r->read = read;
		if (r->left)
			break;
		r->state = IDLE;
		pthread_cond_signal(&r->answered);
	}
	bool left = r->left;
	pthread_mutex_unlock(&r->lock);
	if (left) {
		r->last(r->arg);
		reader_free(r);
	}
	return NULL;
}

static int init_waits(struct disk_reader *r)
{
	pthread_condattr_t attr;
	int e = pthread_condattr_init(&attr);
	if (!e)
		e = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (!e)
		e = pthread_mutex_init(&r->lock, NULL);
	if (!e)
		e = pthread_cond_init(&r->asked, &attr);
	if (!e)
		e = pthread_cond_init(&r->answered, &attr);
	pthread_condattr_destroy(&attr);
	return e;
}

int disk_reader_create(struct blk_dev *dev, const struct disk *disk, size_t cap,
		       struct disk_reader **reader_ret, struct sv_err *err)
{
	struct disk_reader *r = calloc(1, sizeof(*r));
	uint8_t *buf = aligned_alloc(ALIGN, sv_round_up(cap, ALIGN));
	uint8_t *second = aligned_alloc(ALIGN, sv_round_up(cap, ALIGN));
	if (!r || !buf || !second || init_waits(r)) {
		free(buf);
		free(second);
		free(r);
		return sv_fail_nomem(err);
	}
	r->dev = dev;
	r->buf = buf;
	r->second = second;
	if (disk)
		passthrough_init(&r->pass, disk, blk_file_fd(dev));
	int e = pthread_create(&r->thread, NULL, reader_main, r);
	if (e) {
		reader_free(r);
		return sv_fail(err, SV_E_FAILED, e, "thread", "cannot start a thread");
	}
	pthread_setname_np(r->thread, "sv-reader");
	*reader_ret = r;
	return 0;
}

void disk_reader_start(struct disk_reader *r, uint64_t off, uint32_t len)
{
	pthread_mutex_lock(&r->lock);
	r->off = off;
	r->len = len;
	r->state = READING;
	pthread_cond_signal(&r->asked);
	pthread_mutex_unlock(&r->lock);
}

static struct timespec in_ms(unsigned int ms)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

bool disk_reader_wait(struct disk_reader *r, unsigned int ms, struct disk_read *read_ret)
{
	struct timespec until = in_ms(ms);
	int e = 0;
	pthread_mutex_lock(&r->lock);
	while (r->state == READING && e != ETIMEDOUT)
		e = pthread_cond_timedwait(&r->answered, &r->lock, &until);
	bool ended = r->state != READING;
	if (ended)
		*read_ret = r->read;
	pthread_mutex_unlock(&r->lock);
	return ended;
}

uint8_t *disk_reader_data(struct disk_reader *r)
{
	return r->buf;
}

bool disk_reader_destroy(struct disk_reader *r, void (*last)(void *arg), void *arg)
{
	if (!r) {
		last(arg);
		return true;
	}
	pthread_t thread = r->thread;
	pthread_mutex_lock(&r->lock);
	r->left = r->state == READING;
	bool hangs = r->left;
	r->last = last;
	r->arg = arg;
	if (!hangs)
		r->state = ENDING;
	pthread_cond_signal(&r->asked);
	pthread_mutex_unlock(&r->lock);
	/* r may be gone by now, if it hangs no more */
	if (hangs) {
		pthread_detach(thread);
		return false;
	}
	pthread_join(thread, NULL);
	reader_free(r);
	last(arg);
	return true;
}
