/* rate.h - smoothed speed and time left of a long job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_UTIL_RATE_H
#define SV_UTIL_RATE_H

#include <stdint.h>

/* Zero-initialised = no sample yet. Fed and read by one thread, or under the owner's lock. Times in
 * monotonic nanoseconds. */
struct sv_rate {
	uint64_t last_ns;
	uint64_t last_bytes;
	double bytes_per_s; /* exponentially smoothed over about ten seconds; 0 until the second
			       sample */
};

/* Tell how many bytes are done at a moment; samples closer than 200 ms are passed over. */
void sv_rate_sample(struct sv_rate *rate, uint64_t now_ns, uint64_t bytes_done);

/* Seconds left for `bytes_left`; UINT64_MAX while unknown. */
uint64_t sv_rate_eta_s(const struct sv_rate *rate, uint64_t bytes_left);

/* The monotonic clock. */
uint64_t sv_now_ns(void);

#endif
