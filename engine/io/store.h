/* store.h - the directory an image lives in: small files, free space, locking, syncing */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_IO_STORE_H
#define SV_IO_STORE_H

#include "engine/util/err.h"
#include "engine/util/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Every function takes an open directory descriptor that stays the caller's, and names inside it
 * without a slash. Errors are the raw causes: SV_E_NOT_FOUND, SV_E_NOSPC, SV_E_IO; the caller makes
 * SV_E_STORE or SV_E_STORE_FULL of them. Any thread may call; one file belongs to one thread.
 */

/* Faults for tests, NULL everywhere else. */
enum store_op {
	STORE_OP_OPEN,	   /* a file is opened or created for writing */
	STORE_OP_WRITE,	   /* one write call */
	STORE_OP_SYNC,	   /* fsync of a file; of the directory: name "." */
	STORE_OP_RENAME,   /* name is the new name */
	STORE_OP_TRUNCATE, /* a file is cut */
	STORE_OP_LOCK,	   /* flock of the directory */
	STORE_OP_DIRECT,   /* direct transfers are asked for; without them it goes on buffered */
};

struct store_faults {
	/* Called before each operation: an errno makes it fail, 0 lets it happen. A write may be
	 * made shorter through *len (at least 1). The process may also end in here. */
	int (*check)(void *arg, enum store_op op, const char *name, size_t *len);
	void *arg;
};

/* What `faults` says about an operation; 0 for NULL. len may be NULL. */
int store_fault(const struct store_faults *faults, enum store_op op, const char *name, size_t *len);

/*
 * Make `name` hold exactly these bytes, at once: NAME.tmp is written, synced and renamed over it,
 * then the directory is synced. A directory that cannot be synced (EINVAL, ENOTSUP) is no error:
 * *dir_sync_missing becomes true (never false; may be NULL). After an error the old content stands
 * and NAME.tmp is gone.
 */
int store_write_file(int dirfd, const char *name, const void *content, size_t len,
		     const struct store_faults *faults, bool *dir_sync_missing, struct sv_err *err);

/*
 * What an errno of opening or reading a stored file means: SV_E_NOT_FOUND; SV_E_IO, the medium is
 * bad at that place and the rest may be fine; SV_E_NOMEM; else SV_E_STORE, which tells nothing
 * about what is stored (no access, no descriptors left, the store is gone).
 */
int store_read_code(int sys_errno);

/* All of a small file, with a NUL behind it, in memory the caller frees. SV_E_NOT_FOUND; SV_E_DATA
 * when it has more than `limit` bytes or is no regular file; else store_read_code(). */
int store_read_file(int dirfd, const char *name, size_t limit, char **content, size_t *len,
		    struct sv_err *err);

/* SHA-256 and size of a whole file of any length, read in large pieces that leave no trace in the
 * page cache. SV_E_NOT_FOUND; store_read_code(). */
int store_sha256(int dirfd, const char *name, uint8_t digest[SV_SHA256_LEN], uint64_t *size,
		 struct sv_err *err);
/* The same of a file into which `written` bytes were written; SV_E_DATA when it has not so many. */
int store_sha256_written(int dirfd, const char *name, uint64_t written,
			 uint8_t digest[SV_SHA256_LEN], struct sv_err *err);

/* fsync of the directory, with the tolerance of store_write_file(). */
int store_sync_dir(int dirfd, const struct store_faults *faults, bool *dir_sync_missing,
		   struct sv_err *err);

/* Everything of the filesystem the directory lies in is on stable storage. */
int store_sync_all(int dirfd, struct sv_err *err);

/* Rename within a filesystem. SV_E_REFUSED when the new name exists. */
int store_rename(int from_dirfd, const char *from, int to_dirfd, const char *to,
		 const struct store_faults *faults, struct sv_err *err);

/* What the store can take. */
struct store_space {
	uint64_t free_bytes; /* for this user */
	uint64_t file_limit; /* largest file the filesystem can hold; 0 = none that matters */
	const char *fs_name; /* "ext4", "vfat", "exfat", "fuse" ..., "unknown" */
};
int store_space(int dirfd, struct store_space *space, struct sv_err *err);

/*
 * true when the whole store has gone: a server that does not answer, a disk that was pulled. Errors
 * of reading are then no damage of what lies on it. May wait as long as the mount waits.
 */
bool store_gone(int dirfd);

/*
 * The lock of a directory: only one run works in it. flock(2) where the filesystem has it, else a
 * file .salvor-lock with boot id, process and a digest of the machine's identity; one of another
 * boot or of a process that is gone is stale and replaced. On SMB, NFS and SSH, where a flock is
 * seen by one machine only, there are both, and another boot is stale only if it was one of this
 * machine. SV_E_LOCKED.
 */
struct store_lock;
int store_lock_take(int dirfd, const struct store_faults *faults, struct store_lock **lock_ret,
		    struct sv_err *err);
/* NULL is fine. */
void store_lock_release(struct store_lock *lock);

#endif
