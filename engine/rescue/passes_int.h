/* passes_int.h - what the stages of a rescue share; private to engine/rescue */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_RESCUE_PASSES_INT_H
#define SV_RESCUE_PASSES_INT_H

#include "engine/rescue/passes.h"

enum outcome { READ_GOOD, READ_SLOW, READ_BAD };

/* A part of one block of the map, inside the area that is at work. */
struct range {
	uint64_t start, end;
};

/* Lengths of the last long runs of trouble: on a disk with a bad head they are about equal. */
#define LEARNT 8

/* A run of failed or slow reads on the way forwards, until one goes well. */
struct run {
	bool active, slow, leapt; /* slow: nothing has failed in it */
	bool broken;		  /* it goes over a gap of the area: its length tells nothing */
	unsigned int reads;
	uint64_t start, end; /* of the first, of the last bad read */
	uint64_t skip;	     /* the next leap */
};

/* Bytes beside a good read, one after the other as long as they go well; at rest when neither. */
struct grow {
	bool ahead, back;
	uint64_t low, high; /* what went well so far */
	uint64_t floor;	    /* back over gaps of the area, down to here; UINT64_MAX = over none */
};

struct passes {
	struct passes_params params;
	struct rmap *map;
	struct rmap *slow; /* RMAP_BAD: came, but slowly */
	struct rmap
		*hints; /* sectors the disk named: RMAP_BAD, and RMAP_UNSCRAPED when of no use */
	bool no_hints;	/* it named one that can be read */
	/* what is behind a bad sector was taken for good, and read at once: how often it was not */
	unsigned int guesses, wrong;
	unsigned int step;	       /* of the order of stages and areas */
	enum passes_stage stage;       /* of the step */
	const struct sv_extents *area; /* of the step; NULL = the whole disk */
	bool entered;
	double us_per_byte; /* usual on this disk */
	uint64_t skip_min, skip_max;
	uint64_t learnt[LEARNT];
	unsigned int n_learnt, recent; /* recent: a bit per run, the last is bit 0; 1 = long */
	unsigned int n_runs;
	/* of the stage, zeroed when it begins */
	uint64_t pos, block_end;
	struct run run;
	struct grow grow;
	bool backwards, probing;
	bool early; /* before what is hard: only what is easy */
	unsigned int round, fails;
	uint64_t limit, rest_tried;
};

/* The first range of those statuses that ends behind pos, from pos on; the last one that starts
 * before pos, up to pos. */
bool passes_range_next(const struct passes *p, uint64_t pos, unsigned int mask, struct range *r);
bool passes_range_prev(const struct passes *p, uint64_t pos, unsigned int mask, struct range *r);

/* The cluster (or unit) at the start or the end of a range. */
void passes_take_first(struct passes_read *read, const struct range *r, uint32_t unit);
void passes_take_last(struct passes_read *read, const struct range *r, uint32_t unit);

/* The byte before, or at, pos was read, and quickly; an end of the disk is neither good nor bad. */
bool passes_good_before(const struct passes *p, uint64_t pos);
bool passes_good_at(const struct passes *p, uint64_t pos);

struct stage_ops {
	/* false: the stage is done */
	bool (*next)(struct passes *p, struct passes_read *read, int *rc);
	/* the map has it already */
	void (*result)(struct passes *p, const struct passes_read *read, enum outcome outcome);
};
extern const struct stage_ops passes_forward, passes_edges, passes_probe, passes_sweep, passes_trim,
	passes_scrape, passes_retry_ops;

#endif
