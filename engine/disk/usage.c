/* usage.c - who uses a block device right now: mounts, swap, holders, loop devices */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/usage.h"
#include "engine/util/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct usage {
	const char *root;
	struct usage_mount *mounts;
	size_t n_mounts;
	char (*swaps)[SYSFS_KNAME];
	size_t n_swaps;
	char root_copy[];
};

/* "\040" and its like become bytes again (proc(5)). */
static void unescape(char *s)
{
	char *out = s;
	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

/* Is `word` one of a comma-separated list? */
static bool has_option(const char *list, const char *word)
{
	size_t len = strlen(word);
	for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		if (!strncmp(p, word, len) && (p[len] == ',' || !p[len]))
			return true;
	return false;
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue" */
static bool parse_mount(const struct usage *u, char *line, struct usage_mount *m)
{
	unsigned long long id;
	int at = 0;
	char *dash = strstr(line, " - "), *save = NULL;
	memset(m, 0, sizeof(*m));
	if (!dash || sscanf(line, "%llu %*u %u:%u %*s %n", &id, &m->major, &m->minor, &at) != 3 ||
	    !at)
		return false;
	m->id = id;
	char *where = line + at;
	where[strcspn(where, " ")] = '\0';
	unescape(where);
	snprintf(m->where, sizeof(m->where), "%s", where);
	strtok_r(dash + 3, " ", &save); /* type */
	char *source = strtok_r(NULL, " ", &save), *options = strtok_r(NULL, " \n", &save);
	if (!source || !options)
		return false;
	m->rw = has_option(options, "rw");
	unescape(source);
	sysfs_of_node(u->root, source, m->source);
	return true;
}

/* Every line of ROOT/proc/... as a string of its own. false when out of memory. */
static bool each_line(const char *root, const char *file, struct usage *u,
		      bool (*take)(struct usage *u, char *line))
{
	char path[SYSFS_PATH], *line = NULL;
	size_t cap = 0;
	bool ok = true;
	snprintf(path, sizeof(path), "%s/proc/%s", root, file);
	FILE *f = fopen(path, "re");
	if (!f)
		return true;
	while (ok && getline(&line, &cap, f) > 0)
		ok = take(u, line);
	free(line);
	fclose(f);
	return ok;
}

static bool take_mount(struct usage *u, char *line)
{
	struct usage_mount m, *v;
	if (!parse_mount(u, line, &m))
		return true;
	v = realloc(u->mounts, (u->n_mounts + 1) * sizeof(*v));
	if (!v)
		return false;
	u->mounts = v;
	v[u->n_mounts++] = m;
	return true;
}

static bool take_swap(struct usage *u, char *line)
{
	char kname[SYSFS_KNAME];
	line[strcspn(line, " \t\n")] = '\0';
	unescape(line);
	if (!sysfs_of_node(u->root, line, kname))
		return true; /* the heading, or a file on something mounted */
	void *v = realloc(u->swaps, (u->n_swaps + 1) * sizeof(*u->swaps));
	if (!v)
		return false;
	u->swaps = v;
	memcpy(u->swaps[u->n_swaps++], kname, SYSFS_KNAME);
	return true;
}

struct usage *usage_create(const char *root)
{
	struct usage *u = calloc(1, sizeof(*u) + strlen(root) + 1);
	if (!u)
		return NULL;
	strcpy(u->root_copy, root);
	u->root = u->root_copy;
	if (each_line(root, "self/mountinfo", u, take_mount) &&
	    each_line(root, "swaps", u, take_swap))
		return u;
	usage_destroy(u);
	return NULL;
}

void usage_destroy(struct usage *u)
{
	if (!u)
		return;
	free(u->mounts);
	free(u->swaps);
	free(u);
}

const struct usage_mount *usage_mount_of_id(const struct usage *u, uint64_t id)
{
	for (size_t i = 0; i < u->n_mounts; i++)
		if (u->mounts[i].id == id)
			return &u->mounts[i];
	return NULL;
}

const struct usage_mount *usage_mount_at(const struct usage *u, const char *where)
{
	for (size_t i = u->n_mounts; i > 0; i--)
		if (!strcmp(u->mounts[i - 1].where, where))
			return &u->mounts[i - 1];
	return NULL;
}

static void say(struct use *use, bool live, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void say(struct use *use, bool live, const char *fmt, ...)
{
	va_list ap;
	if (*use->text && (use->live || !live))
		return;
	va_start(ap, fmt);
	vsnprintf(use->text, sizeof(use->text), fmt, ap);
	va_end(ap);
	use->live = live;
}

/* One device under examination. */
struct node {
	const struct usage *usage;
	const char *kname;
	char dir[SYSFS_PATH];
	char suffix[SYSFS_KNAME + 4]; /* " (sda2)" or "" */
	int depth;
	struct use *use;
};

static bool is_ro(const char *root, const char *kname)
{
	char dir[SYSFS_PATH];
	return sysfs_dir(root, kname, dir) && sysfs_number(dir, "ro", 0) == 1;
}

static void mounts_of(const struct node *n)
{
	const struct usage *u = n->usage;
	char text[32];
	unsigned int major = 0, minor = 0;
	sysfs_text(n->dir, "dev", text, sizeof(text));
	bool has_devno = sscanf(text, "%u:%u", &major, &minor) == 2;
	for (size_t i = 0; i < u->n_mounts; i++) {
		const struct usage_mount *m = &u->mounts[i];
		if ((has_devno && m->major == major && m->minor == minor) ||
		    !strcmp(m->source, n->kname))
			say(n->use, m->rw, "mounted on %s%s%s", m->where,
			    m->rw ? "" : " (read-only)", n->suffix);
	}
	for (size_t i = 0; i < u->n_swaps; i++)
		if (!strcmp(u->swaps[i], n->kname))
			say(n->use, true, "swap%s", n->suffix);
}

static void examine(const struct usage *usage, const char *kname, const char *subject, int depth,
		    struct use *use);

static bool one_holder(void *ctx, const char *name)
{
	const struct node *n = ctx;
	struct use above = {0};
	char dir[SYSFS_PATH], dm[80] = "";
	bool live = !is_ro(n->usage->root, name);
	if (n->depth < SYSFS_DEPTH)
		examine(n->usage, name, n->kname, n->depth + 1, &above);
	if (sysfs_dir(n->usage->root, name, dir))
		sysfs_text(dir, "dm/name", dm, sizeof(dm));
	if (*above.text)
		say(n->use, live || above.live, "%s%s", above.text, n->suffix);
	else
		say(n->use, live, "held by %s%s%s%s%s", name, *dm ? " (" : "", dm, *dm ? ")" : "",
		    n->suffix);
	return true;
}

/* A loop device over a block device is no holder in sysfs. */
static bool one_loop(void *ctx, const char *name)
{
	const struct node *n = ctx;
	char below[SYSFS_KNAME];
	if (sysfs_loop_below(n->usage->root, name, below) && !strcmp(below, n->kname))
		one_holder(ctx, name);
	return true;
}

/* Devices of one mounted Btrfs. */
struct btrfs_search {
	const struct node *node;
	char devices[SYSFS_PATH]; /* its folder */
	bool member, known, rw;
};

static bool btrfs_device(void *ctx, const char *name)
{
	struct btrfs_search *s = ctx;
	const struct usage *u = s->node->usage;
	s->member |= !strcmp(name, s->node->kname);
	for (size_t i = 0; i < u->n_mounts; i++)
		if (!strcmp(u->mounts[i].source, name)) {
			s->known = true;
			s->rw |= u->mounts[i].rw;
		}
	return true;
}

/* The mount table names one device of several; the kernel lists all under /sys/fs/btrfs. */
static bool one_btrfs(void *ctx, const char *uuid)
{
	const struct node *n = ctx;
	struct btrfs_search search = {.node = n};
	snprintf(search.devices, sizeof(search.devices), "%s/sys/fs/btrfs/%s", n->usage->root,
		 uuid);
	sysfs_list(search.devices, "devices", btrfs_device, &search);
	if (search.member)
		say(n->use, search.rw || !search.known, "part of a mounted Btrfs%s", n->suffix);
	return true;
}

static void examine(const struct usage *usage, const char *kname, const char *subject, int depth,
		    struct use *use)
{
	struct node n = {.usage = usage, .kname = kname, .depth = depth, .use = use};
	char sys[SYSFS_PATH];
	if (!sysfs_dir(usage->root, kname, n.dir))
		return;
	if (strcmp(kname, subject))
		snprintf(n.suffix, sizeof(n.suffix), " (%s)", kname);
	mounts_of(&n);
	snprintf(sys, sizeof(sys), "%s/sys", usage->root);
	sysfs_list(n.dir, "holders", one_holder, &n);
	sysfs_list(sys, "block", one_loop, &n);
	sysfs_list(sys, "fs/btrfs", one_btrfs, &n);
}

void usage_of(const struct usage *usage, const char *kname, const char *subject, struct use *use)
{
	examine(usage, kname, subject, 0, use);
}
