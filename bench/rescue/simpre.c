/* simpre.c - a preloaded library that lets an unmodified program rescue a model of a failing disk,
 * in virtual time */
/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Reads of the file SIM_SOURCE (sparse, of the disk's size) go by the model of
 * tests/lib/simdisk.c, writes to SIM_TARGET go nowhere, and every clock shows what the reads would
 * have taken. As with O_DIRECT, a read fails whole. With SIM_WANTED the content is read, too, and
 * comes back from the target; without, there is none.
 *
 * SIM_DISK     what is wrong: words of "isolated:N", "scratch:START:LEN:SHARE", "runs:N:SECTORS",
 *              "head:HEADS:ZONE", "weak:HEADS:ZONE", "hang:N:SECONDS", and "grow:SECTORS:MAX" for
 *              what bad ranges gain with each failed read, and "lost:READS:SECONDS": with every
 *              so-many-th failed read the disk is gone for a while: what is open gives nothing any
 *              more, and it can be opened again when it is back
 * SIM_SEED     of all that is random
 * SIM_FAIL_US  what a failed read takes
 * SIM_BUDGET_S when the program is ended, in virtual seconds
 * SIM_PART     for t_part: the share of the readable bytes
 * SIM_WANTED   file of "START LENGTH": t_wanted is when all of it is read that can be at first
 * SIM_REPORT   file that gets the figures, one JSON object
 * SIM_STATE    file that keeps all of it from one program to the next
 * SIM_BAD      file that gets "START LENGTH" of what was never read well
 */
#include "tests/lib/simdisk.h"

#include "engine/util/bytes.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECTOR	  512u
#define MAX_FD	  1024
#define START_S	  1700000000ull /* of the virtual clock */
#define HOUR_US	  3600e6
#define SAMPLE_US 60e6 /* of the area under the curve */

enum role { NONE, SOURCE, TARGET };

/* What a next program goes on with, beside the bits of `got`. */
struct state {
	struct {
		double now_us;
		uint64_t reads, failed, seeks;
	} disk;
	uint64_t recovered;
	double t90, t99, t_part, area, area_at;
};

static struct simdisk disk;
static enum role roles[MAX_FD];
static unsigned int times_lost, opened_after[MAX_FD], found_after;
static uint64_t lost_every; /* failed reads */
static double away_us, back_us;
static int content_fd = -1; /* the source's, of our own */
static atomic_uint_fast64_t clock_us;
static uint8_t *got;		 /* a bit per sector that was read */
static uint8_t *wanted;		 /* a bit per sector that is waited for; NULL = none */
static struct sv_extents filled; /* where the source has content */
static uint64_t recovered, readable, waited_for;
static double t90 = -1, t99 = -1, t_part = -1, t_wanted = -1, part, budget_us, area, area_at;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *real(const char *name)
{
	void *f = dlsym(RTLD_NEXT, name);
	if (!f)
		abort();
	return f;
}

static double number(const char *name, double otherwise)
{
	const char *text = getenv(name);
	return text ? atof(text) : otherwise;
}

static void add_wrong(char *word, unsigned int *seed)
{
	double a = 0, b = 0, c = 0;
	char *args = strchr(word, ':');
	if (!args || sscanf(args, ":%lf:%lf:%lf", &a, &b, &c) < 1)
		abort();
	*args = '\0';
	if (!strcmp(word, "isolated"))
		simdisk_isolated(&disk, seed, (unsigned int)a);
	else if (!strcmp(word, "scratch"))
		simdisk_scratch(&disk, seed, (uint64_t)a, (uint64_t)b, c);
	else if (!strcmp(word, "runs"))
		simdisk_runs(&disk, seed, (unsigned int)a, (unsigned int)b);
	else if (!strcmp(word, "hang")) {
		disk.hang_us = b * 1e6;
		simdisk_hangs(&disk, seed, (unsigned int)a);
	} else if (!strcmp(word, "grow")) {
		disk.grow = (uint64_t)a * SECTOR;
		disk.grown_max = (uint64_t)b * SECTOR;
	} else if (!strcmp(word, "lost")) {
		lost_every = (uint64_t)a;
		away_us = b * 1e6;
	} else if (!strcmp(word, "head") || !strcmp(word, "weak"))
		simdisk_head(&disk, seed, (unsigned int)a, (uint64_t)b, *word == 'w');
	else
		abort();
}

static bool has(const uint8_t *bits, uint64_t sector)
{
	return bits[sector / 8] & 1u << sector % 8;
}

static void write_bad(void)
{
	const char *path = getenv("SIM_BAD");
	FILE *f = path ? fopen(path, "w") : NULL;
	for (uint64_t s = 0, end; f && s < disk.size / SECTOR; s = end + 1) {
		for (end = s; end < disk.size / SECTOR && !has(got, end);)
			end++;
		if (end > s)
			fprintf(f, "%llu %llu\n", (unsigned long long)s * SECTOR,
				(unsigned long long)(end - s) * SECTOR);
	}
	if (f)
		fclose(f);
}

static uint8_t *bits(void)
{
	uint8_t *v = calloc(disk.size / SECTOR / 8 + 1, 1);
	if (!v)
		abort();
	return v;
}

static void want(uint64_t sector, bool yes)
{
	uint8_t *byte = &wanted[sector / 8], bit = (uint8_t)(1u << sector % 8);
	if (yes == !!(*byte & bit))
		return;
	*byte ^= bit;
	waited_for += yes ? 1 : -1;
}

static void read_wanted(FILE *f)
{
	unsigned long long start, len;
	wanted = bits();
	while (fscanf(f, "%llu %llu", &start, &len) == 2)
		for (uint64_t s = start / SECTOR; s < SV_MIN(start + len, disk.size) / SECTOR; s++)
			want(s, true);
	if (!feof(f))
		abort(); /* no list of numbers */
	fclose(f);
	for (size_t i = 0; i < disk.bad.n; i++)
		for (uint64_t s = 0; s < disk.bad.v[i].len / SECTOR; s++)
			want(disk.bad.v[i].start / SECTOR + s, false);
}

static FILE *open_state(const char *mode)
{
	const char *path = getenv("SIM_STATE");
	return path ? fopen(path, mode) : NULL;
}

static void load_state(void)
{
	struct state s;
	FILE *f = open_state("r");
	if (!f)
		return;
	if (fread(&s, sizeof(s), 1, f) != 1 || fread(got, disk.size / SECTOR / 8 + 1, 1, f) != 1)
		abort();
	fclose(f);
	disk.now_us = s.disk.now_us;
	disk.reads = s.disk.reads;
	disk.failed = s.disk.failed;
	disk.seeks = s.disk.seeks;
	recovered = s.recovered;
	t90 = s.t90;
	t99 = s.t99;
	t_part = s.t_part;
	area = s.area;
	area_at = s.area_at;
	atomic_store(&clock_us, (uint64_t)disk.now_us);
}

/* Whoever starts the next program does so when the disk is back. */
static void save_state(void)
{
	struct state s = {{SV_MAX(disk.now_us, back_us), disk.reads, disk.failed, disk.seeks},
			  recovered,
			  t90,
			  t99,
			  t_part,
			  area,
			  area_at};
	FILE *f = open_state("w");
	if (f && (fwrite(&s, sizeof(s), 1, f) != 1 ||
		  fwrite(got, disk.size / SECTOR / 8 + 1, 1, f) != 1))
		abort();
	if (f)
		fclose(f);
}

static void find_content(const char *source)
{
	int (*next)(const char *, int, ...) = real("open64");
	off_t at = 0, end;
	int fd = content_fd = next(source, O_RDONLY | O_CLOEXEC);
	while ((at = lseek(fd, at, SEEK_DATA)) >= 0 && (end = lseek(fd, at, SEEK_HOLE)) > at) {
		if (sv_extents_add(&filled, (uint64_t)at, (uint64_t)(end - at)))
			abort();
		at = end;
	}
}

static void init(void)
{
	struct stat st;
	const char *source = getenv("SIM_SOURCE"), *spec = getenv("SIM_DISK");
	unsigned int seed = (unsigned int)number("SIM_SEED", 1);
	char *words = spec ? strdup(spec) : NULL, *save = NULL;
	if (!source || !words || stat(source, &st) < 0)
		abort();
	simdisk_init(&disk, (uint64_t)st.st_size);
	disk.fail_us = number("SIM_FAIL_US", disk.fail_us);
	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
		add_wrong(w, &seed);
	free(words);
	simdisk_ready(&disk);
	readable = disk.size - sv_extents_total(&disk.bad);
	part = number("SIM_PART", 2);
	budget_us = number("SIM_BUDGET_S", 86400) * 1e6;
	got = bits();
	load_state();
	FILE *f = getenv("SIM_WANTED") ? fopen(getenv("SIM_WANTED"), "r") : NULL;
	if (f)
		read_wanted(f);
	if (f)
		find_content(source);
}

static void report(void)
{
	const char *path = getenv("SIM_REPORT");
	FILE *f = path && got ? fopen(path, "w") : NULL;
	if (!f)
		return;
	write_bad();
	save_state();
	double end = disk.now_us, share = (double)recovered / (double)readable;
	double whole = area + share * (budget_us - area_at);
	fprintf(f,
		"{\"lost\": %llu, \"t90\": %.4f, \"t99\": %.4f, \"t_part\": %.4f, \"t_wanted\": "
		"%.4f, \"end\": "
		"%.4f, \"share\": %.6f, "
		"\"area\": %.6f, \"reads\": %llu, \"failed\": %llu, \"seeks\": %llu}\n",
		(unsigned long long)(readable - recovered), t90, t99, t_part, t_wanted,
		end / HOUR_US, share, whole / budget_us, (unsigned long long)disk.reads,
		(unsigned long long)disk.failed, (unsigned long long)disk.seeks);
	fclose(f);
}

static __attribute__((destructor)) void at_exit(void)
{
	report();
}

static void note_time(double share)
{
	double now = disk.now_us / HOUR_US;
	if (share >= 0.9 && t90 < 0)
		t90 = now;
	if (share >= 0.99 && t99 < 0)
		t99 = now;
	if (share >= part && t_part < 0)
		t_part = now;
	area += share * (disk.now_us - area_at);
	area_at = disk.now_us;
}

static void note_good(uint64_t off, size_t len)
{
	for (uint64_t s = off / SECTOR; s < (off + len) / SECTOR; s++) {
		recovered += has(got, s) ? 0 : SECTOR;
		got[s / 8] |= (uint8_t)(1u << s % 8);
		if (wanted)
			want(s, false);
	}
	if (wanted && !waited_for && t_wanted < 0)
		t_wanted = disk.now_us / HOUR_US;
	note_time((double)recovered / (double)readable);
}

/* The underlying file's; false = an error of the simulation, not of the disk. */
static bool content(void *buf, size_t len, uint64_t off)
{
	ssize_t (*next)(int, void *, size_t, off_t) = real("pread64");
	size_t i = sv_extents_seek(&filled, off);
	if (i < filled.n && filled.v[i].start < off + len)
		return next(content_fd, buf, len, (off_t)off) == (ssize_t)len;
	memset(buf, 0, len);
	return true;
}

/* It fell off its bus. */
static void lose(void)
{
	times_lost++;
	back_us = disk.now_us + away_us;
}

static ssize_t model_read(int fd, void *buf, size_t len, uint64_t off)
{
	uint64_t us;
	if (off >= disk.size || opened_after[fd] != times_lost)
		return 0;
	len = SV_MIN(len, (size_t)(disk.size - off));
	bool ok = simdisk_read(&disk, off, (uint32_t)len, &us);
	atomic_store(&clock_us, (uint64_t)disk.now_us);
	if (disk.now_us > budget_us) {
		report();
		_exit(0);
	}
	if (!content(buf, len, off))
		abort();
	if (!ok) {
		memset(buf, 0x5a, len);
		if (lost_every && disk.failed % lost_every == 0)
			lose();
		errno = EIO;
		return -1;
	}
	note_good(off, len);
	return (ssize_t)len;
}

/* What was read well stands on the target. */
static ssize_t copy_read(void *buf, size_t len, uint64_t off)
{
	size_t n;
	for (size_t at = 0; at < len; at += n) {
		uint8_t *piece = (uint8_t *)buf + at;
		n = SV_MIN(len - at, (size_t)(SECTOR - (off + at) % SECTOR));
		if (!has(got, (off + at) / SECTOR))
			memset(piece, 0, n);
		else if (!content(piece, n, off + at))
			abort();
	}
	return (ssize_t)len;
}

/* ---- files ---- */

static int opened(int fd, const char *path)
{
	const char *source = getenv("SIM_SOURCE"), *target = getenv("SIM_TARGET");
	if (fd < 0 || fd >= MAX_FD)
		return fd;
	roles[fd] = source && !strcmp(path, source)   ? SOURCE
		    : target && !strcmp(path, target) ? TARGET
						      : NONE;
	if (roles[fd] != SOURCE)
		return fd;
	pthread_once(&once, init);
	opened_after[fd] = times_lost;
	if (disk.now_us >= back_us) {
		found_after = times_lost;
		return fd;
	}
	close(fd);
	errno = ENXIO;
	return -1;
}

static enum role role_of(int fd)
{
	return fd >= 0 && fd < MAX_FD ? roles[fd] : NONE;
}

static mode_t mode_of(int flags, va_list ap)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
}

#define OPEN(name)                                                                                 \
	int name(const char *path, int flags, ...)                                                 \
	{                                                                                          \
		int (*next)(const char *, int, ...) = real(#name);                                 \
		va_list ap;                                                                        \
		va_start(ap, flags);                                                               \
		mode_t mode = mode_of(flags, ap);                                                  \
		va_end(ap);                                                                        \
		return opened(next(path, flags, mode), path);                                      \
	}
#define OPENAT(name)                                                                               \
	int name(int dir, const char *path, int flags, ...)                                        \
	{                                                                                          \
		int (*next)(int, const char *, int, ...) = real(#name);                            \
		va_list ap;                                                                        \
		va_start(ap, flags);                                                               \
		mode_t mode = mode_of(flags, ap);                                                  \
		va_end(ap);                                                                        \
		return opened(next(dir, path, flags, mode), path);                                 \
	}

#undef open
#undef open64
#undef openat
#undef openat64
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int __open64_2(const char *path, int flags);
int __open64_2(const char *path, int flags)
{
	int (*next)(const char *, int) = real("__open64_2");
	return opened(next(path, flags), path);
}

int close(int fd)
{
	int (*next)(int) = real("close");
	if (fd >= 0 && fd < MAX_FD)
		roles[fd] = NONE;
	return next(fd);
}

ssize_t read(int fd, void *buf, size_t len)
{
	ssize_t (*next)(int, void *, size_t) = real("read");
	if (role_of(fd) != SOURCE)
		return next(fd, buf, len);
	off_t at = lseek(fd, 0, SEEK_CUR);
	ssize_t n = model_read(fd, buf, len, (uint64_t)at);
	if (n > 0)
		lseek(fd, n, SEEK_CUR);
	return n;
}

ssize_t write(int fd, const void *buf, size_t len)
{
	ssize_t (*next)(int, const void *, size_t) = real("write");
	if (role_of(fd) != TARGET)
		return next(fd, buf, len);
	lseek(fd, (off_t)len, SEEK_CUR);
	return (ssize_t)len;
}

#define PREAD(name)                                                                                \
	ssize_t name(int fd, void *buf, size_t len, off_t off)                                     \
	{                                                                                          \
		ssize_t (*next)(int, void *, size_t, off_t) = real(#name);                         \
		if (role_of(fd) == SOURCE)                                                         \
			return model_read(fd, buf, len, (uint64_t)off);                            \
		return role_of(fd) == TARGET ? copy_read(buf, len, (uint64_t)off)                  \
					     : next(fd, buf, len, off);                            \
	}
#define PWRITE(name)                                                                               \
	ssize_t name(int fd, const void *buf, size_t len, off_t off)                               \
	{                                                                                          \
		ssize_t (*next)(int, const void *, size_t, off_t) = real(#name);                   \
		return role_of(fd) == TARGET ? (ssize_t)len : next(fd, buf, len, off);             \
	}
#undef pread
#undef pread64
#undef pwrite
#undef pwrite64
PREAD(pread)
PREAD(pread64)
PWRITE(pwrite)
PWRITE(pwrite64)

/* Nothing here must survive a power cut. */
int fsync(int fd)
{
	(void)fd;
	return 0;
}

int fdatasync(int fd)
{
	(void)fd;
	return 0;
}

/* ---- clocks ---- */

static uint64_t now_us(void)
{
	return START_S * 1000000 + atomic_load(&clock_us);
}

time_t time(time_t *t)
{
	time_t now = (time_t)(now_us() / 1000000);
	if (t)
		*t = now;
	return now;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	uint64_t us = now_us();
	(void)id;
	*ts = (struct timespec){(time_t)(us / 1000000), (long)(us % 1000000 * 1000)};
	return 0;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	uint64_t us = now_us();
	(void)tz;
	*tv = (struct timeval){(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};
	return 0;
}

unsigned int sleep(unsigned int seconds)
{
	(void)seconds;
	return 0;
}

/* Who sleeps before the disk is open again waits for it. */
int nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)left;
	if (found_after != times_lost) {
		disk.now_us += (double)time->tv_sec * 1e6 + (double)time->tv_nsec / 1e3;
		atomic_store(&clock_us, (uint64_t)disk.now_us);
	}
	return 0;
}
