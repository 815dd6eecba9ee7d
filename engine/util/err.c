/* err.c - the one error style of the engine */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/util/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct error_name {
	int code;
	const char *name;
};

static const struct error_name error_names[] = {
	{SV_OK, "done"},
	{SV_E_FAILED, "failed"},
	{SV_E_USAGE, "wrong usage"},
	{SV_E_UNREADABLE, "finished, but the source had unreadable areas"},
	{SV_E_DIFFERS, "differences or damage found"},
	{SV_E_NOT_FOUND, "no such disk, image or store"},
	{SV_E_REFUSED, "refused by a safety rule"},
	{SV_E_STORE_FULL, "the store is full"},
	{SV_E_STORE, "the store failed"},
	{SV_E_SOURCE, "the source failed"},
	{SV_E_TARGET, "the target failed"},
	{SV_E_LOCKED, "in use by another run"},
	{SV_E_PASSPHRASE, "wrong passphrase"},
	{SV_E_FORMAT, "format not supported"},
	{SV_E_STOPPED, "stopped by the user"},
	{SV_E_NOMEM, "out of memory"},
	{SV_E_IO, "input or output failed"},
	{SV_E_NOSPC, "no space left"},
	{SV_E_DATA, "damaged structure"},
	{SV_E_RANGE, "access outside the device"},
	{SV_E_READ_ONLY, "opened read-only"},
};

int sv_fail(struct sv_err *err, enum sv_error code, int sys_errno, const char *object,
	    const char *fmt, ...)
{
	if (!err || err->code)
		return code;
	err->code = code;
	err->sys_errno = sys_errno;
	snprintf(err->object, sizeof(err->object), "%s", object ? object : "");

	va_list ap;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);

	size_t used = strlen(err->text);
	if (sys_errno)
		snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerror(sys_errno));
	return code;
}

int sv_fail_nomem(struct sv_err *err)
{
	return sv_fail(err, SV_E_NOMEM, 0, "memory", "out of memory");
}

int sv_fail_stopped(struct sv_err *err, const char *object)
{
	return sv_fail(err, SV_E_STOPPED, 0, object, "stopped by the user");
}

int sv_err_recode(struct sv_err *err, enum sv_error code)
{
	if (err)
		err->code = code;
	return code;
}

const char *sv_error_name(int code)
{
	for (size_t i = 0; i < sizeof(error_names) / sizeof(error_names[0]); i++)
		if (error_names[i].code == code)
			return error_names[i].name;
	return "unknown failure";
}

int sv_exit_code(int code)
{
	if (code == 0)
		return 0;
	if (code < 0 && code >= SV_E_STOPPED)
		return -code;
	return 1;
}
