/* io_errno.h - from an errno of a transfer to the engine's code (inside engine/io only) */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_IO_ERRNO_H
#define SV_IO_ERRNO_H

#include "engine/util/err.h"

#include <errno.h>

/* What can be cured by more room is SV_E_NOSPC, everything else SV_E_IO. */
static inline enum sv_error io_code(int sys_errno)
{
	switch (sys_errno) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return SV_E_NOSPC;
	default:
		return SV_E_IO;
	}
}

/* The same for reading what was stored: see store_read_code(). */
static inline enum sv_error io_read_code(int sys_errno)
{
	switch (sys_errno) {
	case ENOENT:
		return SV_E_NOT_FOUND;
	case EIO:
	case EBADMSG:
	case EUCLEAN:
	case ENODATA:
	case EILSEQ:
		return SV_E_IO;
	case ENOMEM:
		return SV_E_NOMEM;
	default:
		return SV_E_STORE;
	}
}

#endif
