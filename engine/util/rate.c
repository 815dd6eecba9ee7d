/* rate.c - smoothed speed and time left of a long job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/util/rate.h"

#include <time.h>

#define SAMPLE_NS 200000000ULL
#define SMOOTH_S  10.0

void sv_rate_sample(struct sv_rate *rate, uint64_t now_ns, uint64_t bytes_done)
{
	if (rate->last_ns == 0 || bytes_done < rate->last_bytes) {
		*rate = (struct sv_rate){now_ns, bytes_done, 0};
		return;
	}
	if (now_ns < rate->last_ns + SAMPLE_NS)
		return;
	double seconds = (double)(now_ns - rate->last_ns) / 1e9;
	double current = (double)(bytes_done - rate->last_bytes) / seconds;
	double weight = seconds >= SMOOTH_S || rate->bytes_per_s <= 0 ? 1.0 : seconds / SMOOTH_S;
	rate->bytes_per_s += weight * (current - rate->bytes_per_s);
	rate->last_ns = now_ns;
	rate->last_bytes = bytes_done;
}

uint64_t sv_rate_eta_s(const struct sv_rate *rate, uint64_t bytes_left)
{
	if (rate->bytes_per_s < 1.0)
		return UINT64_MAX;
	return (uint64_t)((double)bytes_left / rate->bytes_per_s);
}

uint64_t sv_now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}
