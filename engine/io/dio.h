/* dio.h - transfers through a direct and a buffered descriptor of one file (inside engine/io only)
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_IO_DIO_H
#define SV_IO_DIO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DIO_ALIGN 4096u /* for regular files: no filesystem in use wants more */

/* Any number of threads may transfer at once. */
struct dio {
	int fd;		       /* buffered; also for ioctls; -1 = closed */
	int direct_fd;	       /* -1 when there is none */
	uint32_t align;	       /* of offset, length and memory of direct transfers */
	atomic_bool direct_ok; /* cleared for good by the first direct transfer that is refused */
};

/* Open without a direct descriptor, `flags` without O_DIRECT. 0 or an errno. */
int dio_open(struct dio *d, int dirfd, const char *name, int flags);
/* Add the direct descriptor when the file allows one. Without it everything is buffered. */
void dio_open_direct(struct dio *d, int dirfd, const char *name, bool writable, uint32_t align);
void dio_close(struct dio *d);

/*
 * One system call's worth of a transfer: bytes done (0 = end of file) or a negative errno. A
 * misaligned head and tail go buffered and the middle direct when memory and offset are misaligned
 * alike; else all of it is buffered.
 */
ssize_t dio_read_some(struct dio *d, void *buf, size_t len, uint64_t off);
ssize_t dio_write_some(struct dio *d, const void *buf, size_t len, uint64_t off);

static inline bool dio_is_direct(const struct dio *d)
{
	return atomic_load_explicit(&d->direct_ok, memory_order_relaxed);
}

#endif
