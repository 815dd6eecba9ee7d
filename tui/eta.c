/* eta.c - how long a rescue may still take */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/eta.h"
#include "tui/i18n.h"

#include "engine/salvor.h"

#include <stdio.h>

#define DAY 86400u

static uint64_t seconds(double s)
{
	return s < 1e15 ? (uint64_t)s : UINT64_MAX - 1;
}

struct eta_range eta_range(const struct eta_facts *f)
{
	uint64_t best = SV_MAX(f->now, f->mean), worst = SV_MIN(f->now, f->mean);
	uint64_t failed = SV_MIN(f->failed, f->left);
	if (!best)
		return (struct eta_range){UINT64_MAX, UINT64_MAX};
	if (!worst)
		worst = best;
	double hard = (double)failed / (double)SV_MAX(f->sector, 512u) * (double)f->failed_ms / 1e3;
	return (struct eta_range){
		seconds((double)f->left / (double)best),
		seconds((double)(f->left - failed) / (double)worst + hard),
	};
}

const char *eta_text(const struct eta_facts *facts, char out[ETA_TEXT])
{
	char least[SV_SIZE_TEXT], most[SV_SIZE_TEXT];
	struct eta_range r = eta_range(facts);
	if (r.least == UINT64_MAX) {
		snprintf(out, ETA_TEXT, "?");
		return out;
	}
	r.most = SV_MAX(r.most, r.least);
	sv_text_duration(least, r.least);
	sv_text_duration(most, r.most);
	if (r.least >= 3 * DAY)
		snprintf(out, ETA_TEXT, _("%llu days or more"),
			 (unsigned long long)(r.least / DAY));
	else if (r.most >= 3 * DAY)
		snprintf(out, ETA_TEXT, _("%s to some days"), least);
	else if (r.most - r.least <= r.least / 10)
		snprintf(out, ETA_TEXT, "%s", most);
	else
		snprintf(out, ETA_TEXT, _("%s to %s"), least, most);
	return out;
}
