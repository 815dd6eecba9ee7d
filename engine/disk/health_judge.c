/* health_judge.c - from the numbers of a disk to a verdict and its reasons */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/health_int.h"
#include "engine/util/bytes.h"

#include <stdio.h>
#include <string.h>

/*
 * What the numbers mean: sectors that cannot be read now (197, 198) or the disk's own alarm are
 * failing. What went wrong and was dealt with is worn, and failing when there is much of it.
 */
#define MANY		    100 /* replaced sectors, lost accesses */
#define WORN_PERCENT	    90	/* of the planned life */
#define HOT_SPINNING	    55	/* degrees Celsius: makers allow 60 */
#define HOT_ELECTRONIC	    70	/* makers allow 70 to 85 */
#define MEGABYTE	    1000000u
#define CRITICAL_SPINNING   60
#define CRITICAL_ELECTRONIC 85

/* NVM Express 1.4, figure 194: critical warning */
enum {
	NVME_SPARE = 1 << 0,
	NVME_TEMPERATURE = 1 << 1,
	NVME_UNRELIABLE = 1 << 2,
	NVME_READ_ONLY = 1 << 3,
	NVME_BACKUP = 1 << 4,
};

/* For xgettext, which collects the texts for the interface. */
#define WORDS(one, many) one, many
#define SAME(text)	 text, text

const struct health_words health_words[HEALTH_CAUSES] = {
	[HEALTH_NO_TOOL] = {"no_tool", SAME("smartctl of the package smartmontools is not "
					    "installed")},
	[HEALTH_NO_RIGHT] = {"no_right", SAME("asking a disk needs root: use sudo")},
	[HEALTH_ASLEEP] = {"asleep", SAME("the disk is asleep and was not woken")},
	[HEALTH_MUTE] = {"mute", SAME("it is fast asleep or does not answer, and was not woken")},
	[HEALTH_NO_ANSWER] = {"no_answer", WORDS("the disk did not answer within %llu second",
						 "the disk did not answer within %llu seconds")},
	[HEALTH_NO_ACCESS] = {"no_access", SAME("the disk does not answer questions about itself")},
	[HEALTH_NO_DATA] = {"no_data", SAME("it keeps no record of its health, as most USB sticks, "
					    "cards and virtual disks")},
	[HEALTH_BRIDGE] = {"bridge", SAME("its USB adapter does not let questions through: connect "
					  "the disk directly to know more")},
	[HEALTH_RAID] = {"raid", SAME("a RAID controller stands before it and tells nothing of its "
				      "disks")},
	[HEALTH_NO_SENSE] = {"no_sense", SAME("the answer of smartctl makes no sense")},
	[HEALTH_SAYS_FAILING] = {"says_failing", SAME("the disk itself says that it is failing: "
						      "rescue it before anything else")},
	[HEALTH_PENDING] = {"pending", WORDS("%llu sector could not be read and waits to be "
					     "replaced: rescue it before anything else",
					     "%llu sectors could not be read and wait to be "
					     "replaced: rescue it before anything else")},
	[HEALTH_UNCORRECTABLE] =
		{"uncorrectable",
		 WORDS("its own scan could not read %llu sector: rescue it before "
		       "anything else",
		       "its own scan could not read %llu sectors: rescue it before "
		       "anything else")},
	[HEALTH_LOST] = {"lost", WORDS("%llu access to data has failed for good so far",
				       "%llu accesses to data have failed for good so far")},
	[HEALTH_REALLOCATED] = {"reallocated",
				WORDS("%llu sector went bad and was replaced by a spare one",
				      "%llu sectors went bad and were replaced by spare ones")},
	[HEALTH_BEYOND] = {"beyond", SAME("its value no. %llu is beyond the limit of the maker: "
					  "rescue it before anything else")},
	[HEALTH_WAS_BEYOND] = {"was_beyond", SAME("its value no. %llu was beyond the limit of the "
						  "maker before")},
	[HEALTH_FAILED_TEST] = {"failed_test", SAME("its last self-test failed: rescue it before "
						    "anything else")},
	[HEALTH_SPARE] = {"spare", SAME("its spare memory is used up, %llu %% is left: rescue it "
					"before anything else")},
	[HEALTH_USED] = {"used", SAME("%llu %% of the life planned by the maker is used")},
	[HEALTH_READ_ONLY] = {"read_only", SAME("it has locked itself against writing: copy what "
						"is on it as long as it can be read")},
	[HEALTH_UNRELIABLE] = {"unreliable",
			       SAME("it says that it is no longer reliable: rescue it "
				    "before anything else")},
	[HEALTH_BACKUP] = {"backup", SAME("its protection against power cuts has failed")},
	[HEALTH_LOCKED] = {"locked",
			   SAME("it is locked by a password: nothing on it can be read or "
				"written until it is unlocked")},
	[HEALTH_OPAL] = {"opal_locked",
			 SAME("it is locked by its own encryption (Opal): what is in locked parts "
			      "can be neither read nor written until it is unlocked")},
	[HEALTH_SHADOW] = {"opal_shadow",
			   SAME("it shows the page that asks for its password (Opal), not its "
				"content: unlock it before you save it or write to it")},
	[HEALTH_HPA] = {"hpa", WORDS("%llu MB behind its end is hidden (host protected area, HPA): "
				     "it is neither read nor written",
				     "%llu MB behind its end are hidden (host protected area, "
				     "HPA): they are neither read nor written")},
	[HEALTH_AMA] = {"ama", WORDS("%llu MB behind its end is hidden (accessible max address, "
				     "AMA): it is neither read nor written",
				     "%llu MB behind its end are hidden (accessible max address, "
				     "AMA): they are neither read nor written")},
	[HEALTH_DCO] = {"dco", WORDS("%llu MB behind its end is hidden (device configuration, "
				     "DCO): it is neither read nor written",
				     "%llu MB behind its end are hidden (device configuration, "
				     "DCO): they are neither read nor written")},
	[HEALTH_HOT] = {"hot", SAME("it has %llu degrees Celsius: let air flow before a long job")},
	[HEALTH_CRC] = {"crc", WORDS("%llu transfer was garbled on the way: is its cable in order?",
				     "%llu transfers were garbled on the way: is its cable in "
				     "order?")},
	[HEALTH_MEMBERS] = {"members",
			    WORDS("it is %llu disk behind a RAID controller",
				  "it is %llu disks behind a RAID controller: the worst numbers "
				  "are shown")},
};

/* The worst first; of the same level in the order of coming. */
void health_add_reason(struct health *health, enum health_cause cause, enum health_verdict level,
		       uint64_t n)
{
	size_t at = health->n_reasons;
	struct health_reason *v = health->reasons;
	for (size_t i = 0; i < health->n_reasons; i++)
		if (v[i].cause == cause)
			return;
	if (at == HEALTH_MAX_REASONS)
		return;
	for (; at && v[at - 1].level < level; at--)
		v[at] = v[at - 1];
	v[at] = (struct health_reason){.cause = cause, .level = level, .n = n};
	health->n_reasons++;
	if (level > health->verdict)
		health->verdict = level;
}

void health_unknown(struct health *health, enum health_cause cause, uint64_t n)
{
	health_clear(health);
	health_add_reason(health, cause, HEALTH_UNKNOWN, n);
}

static bool positive(uint64_t n)
{
	return n && n != HEALTH_NONE;
}

/* ---- what is said ---- */

static void judge_sectors(struct health *h)
{
	if (positive(h->pending))
		health_add_reason(h, HEALTH_PENDING, HEALTH_FAILING, h->pending);
	if (positive(h->uncorrectable))
		health_add_reason(h, HEALTH_UNCORRECTABLE, HEALTH_FAILING, h->uncorrectable);
	if (positive(h->lost))
		health_add_reason(h, HEALTH_LOST, h->lost >= MANY ? HEALTH_FAILING : HEALTH_WORN,
				  h->lost);
	/* memory cells are replaced all through the life of an SSD */
	if (positive(h->reallocated))
		health_add_reason(h, HEALTH_REALLOCATED,
				  h->reallocated >= MANY ? h->spins ? HEALTH_FAILING : HEALTH_WORN
				  : h->spins		 ? HEALTH_WORN
							 : HEALTH_GOOD,
				  h->reallocated);
}

static void judge_attributes(struct health *h, const struct health_answer *answer)
{
	if (answer->below)
		health_add_reason(h, HEALTH_BEYOND, HEALTH_FAILING, answer->below_id);
	if (answer->was_below_id)
		health_add_reason(h, HEALTH_WAS_BEYOND, HEALTH_WORN, answer->was_below_id);
	if (h->self_test == HEALTH_TEST_FAILED || answer->status & SMART_TEST_LOG) {
		h->self_test = HEALTH_TEST_FAILED;
		health_add_reason(h, HEALTH_FAILED_TEST, HEALTH_FAILING, 0);
	}
}

static void judge_nvme(struct health *h)
{
	uint64_t bits = h->critical_warning == HEALTH_NONE ? 0 : h->critical_warning;
	bool few = h->spare != HEALTH_NONE && h->spare_threshold != HEALTH_NONE &&
		   h->spare < h->spare_threshold;
	if (bits & NVME_READ_ONLY)
		health_add_reason(h, HEALTH_READ_ONLY, HEALTH_FAILING, 0);
	if (bits & NVME_UNRELIABLE)
		health_add_reason(h, HEALTH_UNRELIABLE, HEALTH_FAILING, 0);
	if (bits & NVME_SPARE || few)
		health_add_reason(h, HEALTH_SPARE, HEALTH_FAILING,
				  h->spare == HEALTH_NONE ? 0 : h->spare);
	if (bits & NVME_BACKUP)
		health_add_reason(h, HEALTH_BACKUP, HEALTH_WORN, 0);
	if (h->percent_used != HEALTH_NONE && h->percent_used >= WORN_PERCENT)
		health_add_reason(h, HEALTH_USED, HEALTH_WORN, h->percent_used);
}

/* An NVMe disk that is only too warm says "failed" as well. */
static bool only_warm(const struct health *h)
{
	return h->critical_warning == NVME_TEMPERATURE;
}

bool health_is_odd(enum health_cause cause)
{
	return cause >= HEALTH_LOCKED && cause <= HEALTH_DCO;
}

/* A hint changes no verdict, nor that there is none. */
static void add_hint(struct health *h, enum health_cause cause, uint64_t n)
{
	health_add_reason(h, cause, SV_MIN(h->verdict, HEALTH_GOOD), n);
}

static void add_size(struct health *h, enum health_cause cause, uint64_t bytes)
{
	if (bytes)
		add_hint(h, cause, SV_MAX(bytes / MEGABYTE, 1u));
}

void health_add_hidden(struct health *h, const struct hidden *hidden)
{
	if (hidden->locked)
		add_hint(h, HEALTH_LOCKED, 0);
	if (hidden->opal_locked)
		add_hint(h, HEALTH_OPAL, 0);
	if (hidden->opal_shadow)
		add_hint(h, HEALTH_SHADOW, 0);
	add_size(h, HEALTH_HPA, hidden->hpa);
	add_size(h, HEALTH_AMA, hidden->ama);
	add_size(h, HEALTH_DCO, hidden->dco);
}

bool health_is_hot(const struct health *h)
{
	uint64_t hot = h->spins ? HOT_SPINNING : HOT_ELECTRONIC;
	return h->temperature != HEALTH_NONE && (h->temperature >= hot || only_warm(h));
}

bool health_is_critical(const struct health *h)
{
	return h->temperature != HEALTH_NONE &&
	       h->temperature >= (h->spins ? CRITICAL_SPINNING : CRITICAL_ELECTRONIC);
}

static void judge_hints(struct health *h, const struct health_answer *answer)
{
	if (answer->locked)
		health_add_reason(h, HEALTH_LOCKED, HEALTH_GOOD, 0);
	if (health_is_hot(h))
		health_add_reason(h, HEALTH_HOT, HEALTH_GOOD, h->temperature);
	if (positive(h->crc_errors))
		health_add_reason(h, HEALTH_CRC, HEALTH_GOOD, h->crc_errors);
}

/* Why there is nothing to judge. */
static enum health_cause why_unknown(const struct health_answer *answer)
{
	if (answer->status == SMART_ASLEEP)
		return answer->mute ? HEALTH_MUTE : HEALTH_ASLEEP;
	if (answer->locked)
		return HEALTH_LOCKED;
	if (answer->no_right)
		return HEALTH_NO_RIGHT;
	if (answer->bridge)
		return HEALTH_BRIDGE;
	if (answer->raid)
		return HEALTH_RAID;
	return answer->status & SMART_OPEN ? HEALTH_NO_ACCESS : HEALTH_NO_DATA;
}

void health_judge(struct health *health, const struct health_answer *answer)
{
	if (!answer->has_data) {
		health_unknown(health, why_unknown(answer), 0);
		return;
	}
	health->verdict = HEALTH_GOOD;
	if (health->says == HEALTH_SAYS_FAILED && !only_warm(health))
		health_add_reason(health, HEALTH_SAYS_FAILING, HEALTH_FAILING, 0);
	judge_sectors(health);
	judge_attributes(health, answer);
	judge_nvme(health);
	judge_hints(health, answer);
}

/* ---- words ---- */

const char *health_verdict_name(enum health_verdict verdict)
{
	static const char *const names[] = {
		[HEALTH_UNKNOWN] = "unknown",
		[HEALTH_GOOD] = "good",
		[HEALTH_WORN] = "worn",
		[HEALTH_FAILING] = "failing",
	};
	return names[verdict];
}

const char *health_reason_text(const struct health_reason *reason, char out[HEALTH_TEXT])
{
	const struct health_words *words = &health_words[reason->cause];
	snprintf(out, HEALTH_TEXT, reason->n == 1 ? words->one : words->many,
		 (unsigned long long)reason->n);
	return out;
}
