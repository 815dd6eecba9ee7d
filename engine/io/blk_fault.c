/* blk_fault.c - a device that fails or lies by rule, for tests */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/blk.h"

#include "engine/io/io_errno.h"
#include "engine/util/bytes.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define FAULT_OPS 4

struct fault_rule {
	struct blk_fault_rule rule;
	atomic_uint_fast64_t matched; /* operations that matched so far */
};

struct fault_dev {
	struct blk_dev dev;
	struct blk_dev *below;
	struct fault_rule *rules; /* fixed once the device is in use */
	size_t n;
	atomic_uint_fast64_t seen[FAULT_OPS]; /* by bit number of enum blk_fault_op */
};

/* A flip concerns one byte, a failure the rule's range; a flush has no place at all. */
static bool touches(const struct blk_fault_rule *rule, unsigned int op, uint64_t off, uint64_t len)
{
	if (op == BLK_FAULT_FLUSH)
		return !rule->flip;
	uint64_t rule_len = rule->flip ? 1 : rule->len;
	if (rule_len == 0)
		return true;
	return off < rule->start ? rule->start - off < len : off - rule->start < rule_len;
}

/* Count a matching operation; true when the rule acts on it. */
static bool acts(struct fault_rule *r, unsigned int op, uint64_t off, uint64_t len)
{
	if (!(r->rule.ops & op) || !touches(&r->rule, op, off, len))
		return false;
	uint64_t n = atomic_fetch_add(&r->matched, 1);
	if (n < r->rule.skip)
		return false;
	return r->rule.count == 0 || n - r->rule.skip < r->rule.count;
}

static void count_op(struct fault_dev *f, unsigned int op)
{
	atomic_fetch_add(&f->seen[__builtin_ctz(op)], 1);
}

/* The rule that fails an operation, or NULL. */
static const struct blk_fault_rule *failing_rule(struct fault_dev *f, unsigned int op, uint64_t off,
						 uint64_t len)
{
	count_op(f, op);
	for (size_t i = 0; i < f->n; i++)
		if (!f->rules[i].rule.flip && acts(&f->rules[i], op, off, len))
			return &f->rules[i].rule;
	return NULL;
}

static int fail_by(const struct fault_dev *f, const struct blk_fault_rule *rule, const char *verb,
		   uint64_t off, struct sv_err *err)
{
	int e = rule->sys_errno ? rule->sys_errno : EIO;
	return sv_fail(err, io_code(e), e, f->dev.name, "cannot %s %s at offset %llu", verb,
		       f->dev.name, (unsigned long long)off);
}

/* Where the next flip of `buf` lies: its rule's start, or UINT64_MAX; `i` counts the rules. */
static uint64_t next_flip(struct fault_dev *f, unsigned int op, uint64_t off, size_t len, size_t *i)
{
	for (; *i < f->n; (*i)++) {
		struct fault_rule *r = &f->rules[*i];
		if (r->rule.flip && acts(r, op, off, len)) {
			(*i)++;
			return r->rule.start;
		}
	}
	return UINT64_MAX;
}

static int fault_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off, struct sv_err *err)
{
	struct fault_dev *f = (struct fault_dev *)dev;
	const struct blk_fault_rule *rule = failing_rule(f, BLK_FAULT_READ, off, len);
	if (rule)
		return fail_by(f, rule, "read", off, err);
	int rc = blk_pread(f->below, buf, len, off, err);
	if (rc)
		return rc;
	size_t i = 0;
	uint64_t at;
	while ((at = next_flip(f, BLK_FAULT_READ, off, len, &i)) != UINT64_MAX)
		((uint8_t *)buf)[at - off] ^= 1;
	return 0;
}

static int fault_pwrite(struct blk_dev *dev, const void *buf, size_t len, uint64_t off,
			struct sv_err *err)
{
	struct fault_dev *f = (struct fault_dev *)dev;
	const struct blk_fault_rule *rule = failing_rule(f, BLK_FAULT_WRITE, off, len);
	if (rule && rule->half) {
		int rc = blk_pwrite(f->below, buf, len / 2, off, err);
		if (rc)
			return rc;
	}
	if (rule)
		return fail_by(f, rule, "write", off, err);

	uint8_t *copy = NULL;
	size_t i = 0;
	uint64_t at;
	while ((at = next_flip(f, BLK_FAULT_WRITE, off, len, &i)) != UINT64_MAX) {
		if (!copy) {
			copy = malloc(len);
			if (!copy)
				return sv_fail_nomem(err);
			memcpy(copy, buf, len);
		}
		copy[at - off] ^= 1;
	}
	int rc = blk_pwrite(f->below, copy ? copy : buf, len, off, err);
	free(copy);
	return rc;
}

static int fault_discard(struct blk_dev *dev, uint64_t off, uint64_t len, struct sv_err *err)
{
	struct fault_dev *f = (struct fault_dev *)dev;
	const struct blk_fault_rule *rule = failing_rule(f, BLK_FAULT_DISCARD, off, len);
	if (rule)
		return fail_by(f, rule, "discard", off, err);
	return blk_discard(f->below, off, len, err);
}

static int fault_flush(struct blk_dev *dev, struct sv_err *err)
{
	struct fault_dev *f = (struct fault_dev *)dev;
	const struct blk_fault_rule *rule = failing_rule(f, BLK_FAULT_FLUSH, 0, 0);
	if (rule)
		return fail_by(f, rule, "flush", 0, err);
	return blk_flush(f->below, err);
}

static void fault_close(struct blk_dev *dev)
{
	struct fault_dev *f = (struct fault_dev *)dev;
	free(f->rules);
	free(f);
}

static const struct blk_ops fault_ops = {
	.name = "fault",
	.pread = fault_pread,
	.pwrite = fault_pwrite,
	.discard = fault_discard,
	.flush = fault_flush,
	.close = fault_close,
};

int blk_fault_create(struct blk_dev *below, struct blk_dev **dev_ret)
{
	struct fault_dev *f = calloc(1, sizeof(*f));
	if (!f)
		return SV_E_NOMEM;
	f->below = below;
	f->dev = *below;
	f->dev.ops = &fault_ops;
	*dev_ret = &f->dev;
	return 0;
}

int blk_fault_add(struct blk_dev *fault, const struct blk_fault_rule *rule)
{
	struct fault_dev *f = (struct fault_dev *)fault;
	struct fault_rule *rules = reallocarray(f->rules, f->n + 1, sizeof(*rules));
	if (!rules)
		return SV_E_NOMEM;
	f->rules = rules;
	f->rules[f->n].rule = *rule;
	atomic_init(&f->rules[f->n].matched, 0);
	f->n++;
	return 0;
}

uint64_t blk_fault_seen(struct blk_dev *fault, unsigned int ops)
{
	struct fault_dev *f = (struct fault_dev *)fault;
	uint64_t sum = 0;
	for (unsigned int i = 0; i < FAULT_OPS; i++)
		if (ops & 1u << i)
			sum += atomic_load(&f->seen[i]);
	return sum;
}
