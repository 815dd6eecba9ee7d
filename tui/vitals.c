/* vitals.c - how the disks are, asked in the background */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/vitals.h"
#include "tui/i18n.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct entry {
	struct disk disk;
	struct health health;
	bool known;  /* it was asked */
	bool asking; /* is being asked now */
	bool again, wake;
	time_t due; /* of a watched one: when to ask next; 0 = not watched */
};

/* So that a disk that does not answer keeps nobody from asking the others. */
#define ASKERS 4

/* Shared by the interface's thread and the asking threads; whoever leaves last frees it. */
struct vitals {
	pthread_mutex_t lock; /* guards all below but root */
	pthread_cond_t wake;
	const char *root;
	size_t users; /* threads that hold it */
	struct entry **entries;
	size_t n;
	struct machine_remark remarks[MACHINE_TRAITS];
	size_t n_remarks;
	time_t look_due; /* when to look at the machine again */
	bool stop;
};

static void vitals_free(struct vitals *vitals)
{
	for (size_t i = 0; i < vitals->n; i++)
		free(vitals->entries[i]);
	free(vitals->entries);
	pthread_mutex_destroy(&vitals->lock);
	pthread_cond_destroy(&vitals->wake);
	free(vitals);
}

static time_t now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + 1; /* never 0 */
}

static struct entry *find(const struct vitals *vitals, const struct disk *disk)
{
	for (size_t i = 0; i < vitals->n; i++) {
		const struct disk *d = &vitals->entries[i]->disk;
		if (!strcmp(d->kname, disk->kname) && d->diskseq == disk->diskseq &&
		    d->size == disk->size && !strcmp(d->serial, disk->serial))
			return vitals->entries[i];
	}
	return NULL;
}

/* ---- the asking thread ---- */

/* Those nobody has asked yet come first, then what is watched and due. */
static struct entry *next_one(const struct vitals *vitals, time_t now)
{
	struct entry *due = NULL;
	for (size_t i = 0; i < vitals->n; i++) {
		struct entry *entry = vitals->entries[i];
		if (entry->asking)
			continue;
		if (!entry->known || entry->again)
			return entry;
		if (entry->due && entry->due <= now && (!due || entry->due < due->due))
			due = entry;
	}
	return due;
}

static void take(struct entry *entry, const struct health *health, bool brief)
{
	if (!brief || health->no_answer)
		entry->health = *health;
	else
		entry->health.temperature = health->temperature;
	entry->known = true;
	if (entry->due)
		entry->due = health->no_answer ? 0 : now_s() + VITALS_SECONDS;
}

static void ask(struct vitals *vitals, struct entry *entry)
{
	struct disk disk = entry->disk;
	struct health health;
	struct health_params params = {.root = vitals->root,
				       .disk = &disk,
				       .wake = entry->wake,
				       .brief = entry->known && !entry->again};
	entry->again = entry->wake = false;
	entry->asking = true;
	pthread_mutex_unlock(&vitals->lock);
	/* out of memory it is clear, which is unknown without a reason */
	health_read(&params, &health, NULL);
	pthread_mutex_lock(&vitals->lock);
	entry->asking = false;
	take(entry, &health, params.brief);
}

#define LOOK_SECONDS 10

static void look_at_machine(struct vitals *vitals)
{
	struct machine_remark remarks[MACHINE_TRAITS];
	vitals->look_due = now_s() + LOOK_SECONDS;
	pthread_mutex_unlock(&vitals->lock);
	size_t n = machine_remarks(vitals->root, remarks);
	pthread_mutex_lock(&vitals->lock);
	memcpy(vitals->remarks, remarks, n * sizeof(remarks[0]));
	vitals->n_remarks = n;
}

static void wait_for_work(struct vitals *vitals)
{
	struct timespec until = {.tv_sec = vitals->look_due};
	for (size_t i = 0; i < vitals->n; i++) {
		time_t due = vitals->entries[i]->asking ? 0 : vitals->entries[i]->due;
		if (due && due < until.tv_sec)
			until.tv_sec = due;
	}
	pthread_cond_timedwait(&vitals->wake, &vitals->lock, &until);
}

/* With the lock held. */
static void leave(struct vitals *vitals)
{
	bool last = !--vitals->users;
	pthread_cond_broadcast(&vitals->wake);
	pthread_mutex_unlock(&vitals->lock);
	if (last)
		vitals_free(vitals);
}

static void *asker(void *arg)
{
	struct vitals *vitals = arg;
	pthread_mutex_lock(&vitals->lock);
	while (!vitals->stop) {
		struct entry *entry = next_one(vitals, now_s());
		if (entry)
			ask(vitals, entry);
		else if (vitals->look_due <= now_s())
			look_at_machine(vitals);
		else
			wait_for_work(vitals);
	}
	leave(vitals);
	return NULL;
}

/* ---- the interface's side ---- */

static void start_askers(struct vitals *vitals)
{
	pthread_t thread;
	pthread_mutex_lock(&vitals->lock);
	for (size_t i = 0; i < ASKERS; i++) {
		if (pthread_create(&thread, NULL, asker, vitals))
			break;
		pthread_detach(thread);
		vitals->users++;
	}
	pthread_mutex_unlock(&vitals->lock);
}

struct vitals *vitals_create(const char *root)
{
	pthread_condattr_t attr;
	struct vitals *vitals = calloc(1, sizeof(*vitals));
	if (!vitals)
		return NULL;
	vitals->root = root;
	vitals->users = 1;
	pthread_mutex_init(&vitals->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&vitals->wake, &attr);
	pthread_condattr_destroy(&attr);
	start_askers(vitals);
	return vitals;
}

static void kick(struct vitals *vitals)
{
	pthread_cond_broadcast(&vitals->wake);
	pthread_mutex_unlock(&vitals->lock);
}

void vitals_destroy(struct vitals *vitals)
{
	if (!vitals)
		return;
	pthread_mutex_lock(&vitals->lock);
	vitals->stop = true;
	leave(vitals);
}

static struct entry *entry_of(struct vitals *vitals, const struct disk *disk)
{
	struct entry *entry = find(vitals, disk), **grown;
	if (entry)
		return entry;
	grown = reallocarray(vitals->entries, vitals->n + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	vitals->entries = grown;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->disk = *disk;
	vitals->entries[vitals->n++] = entry;
	return entry;
}

void vitals_want(struct vitals *vitals, const struct disk_list *disks)
{
	if (!vitals)
		return;
	pthread_mutex_lock(&vitals->lock);
	for (size_t i = 0; i < disks->n; i++)
		entry_of(vitals, &disks->v[i]);
	kick(vitals);
}

void vitals_again(struct vitals *vitals, const struct disk *disk, bool wake)
{
	if (!vitals)
		return;
	pthread_mutex_lock(&vitals->lock);
	struct entry *entry = entry_of(vitals, disk);
	if (entry && !entry->asking) {
		entry->again = true;
		entry->wake = wake;
	}
	kick(vitals);
}

bool vitals_get(struct vitals *vitals, const struct disk *disk, struct health *health)
{
	memset(health, 0, sizeof(*health));
	if (!vitals)
		return false;
	pthread_mutex_lock(&vitals->lock);
	const struct entry *entry = find(vitals, disk);
	bool known = entry && entry->known && !entry->again;
	if (known)
		*health = entry->health;
	pthread_mutex_unlock(&vitals->lock);
	return known;
}

static bool is_among(const struct disk *disk, const struct disk *const disks[], size_t n,
		     const struct vitals *vitals)
{
	for (size_t i = 0; i < n; i++) {
		const struct entry *entry = find(vitals, disks[i]);
		if (entry && &entry->disk == disk)
			return true;
	}
	return false;
}

void vitals_watch(struct vitals *vitals, const struct disk *const disks[], size_t n)
{
	if (!vitals)
		return;
	pthread_mutex_lock(&vitals->lock);
	for (size_t i = 0; i < vitals->n; i++) {
		struct entry *entry = vitals->entries[i];
		if (!is_among(&entry->disk, disks, n, vitals) || entry->health.no_answer)
			entry->due = 0;
		else if (!entry->due)
			entry->due = now_s();
	}
	kick(vitals);
}

size_t vitals_remarks(struct vitals *vitals, struct machine_remark remarks[MACHINE_TRAITS])
{
	if (!vitals)
		return 0;
	pthread_mutex_lock(&vitals->lock);
	size_t n = vitals->n_remarks;
	memcpy(remarks, vitals->remarks, n * sizeof(*remarks));
	pthread_mutex_unlock(&vitals->lock);
	return n;
}

const char *vitals_remark(const struct machine_remark *remark, char out[MACHINE_TEXT])
{
	const struct machine_words *words = &machine_words[remark->trait];
	snprintf(out, MACHINE_TEXT, _n(words->one, words->many, (unsigned long)remark->n),
		 (unsigned long long)remark->n);
	return out;
}

const char *vitals_reason(const struct health_reason *reason, char out[HEALTH_TEXT])
{
	const struct health_words *words = &health_words[reason->cause];
	snprintf(out, HEALTH_TEXT, _n(words->one, words->many, (unsigned long)reason->n),
		 (unsigned long long)reason->n);
	return out;
}
