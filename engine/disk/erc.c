/* erc.c - how long a SATA disk tries to read a sector before it gives up: SCT Error Recovery
 * Control */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/erc.h"

#include "engine/disk/health_int.h"
#include "engine/disk/sysfs.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* A sick disk is not asked for longer. */
#define ASK_MS	   8000
#define TEXT_MAX   16384u
#define TENTHS_MAX 65535

/* smartctl(8): "ata_sct_erc": {"read": {"enabled": true, "deciseconds": 70}, "write": ...} */
static bool take_limit(const json_t *erc, const char *key, unsigned int *limit)
{
	const json_t *o = json_object_get(erc, key), *enabled = json_object_get(o, "enabled");
	json_int_t tenths = json_integer_value(json_object_get(o, "deciseconds"));
	if (!json_is_boolean(enabled) || tenths < 0 || tenths > TENTHS_MAX)
		return false;
	*limit = json_is_true(enabled) ? (unsigned int)tenths : 0;
	return true;
}

static bool ask(const char *root, const struct disk *disk, const char *what, struct erc *erc)
{
	char path[SYSFS_PATH], text[TEXT_MAX];
	size_t len = 0;
	snprintf(path, sizeof(path), "%s%s", root, disk->path);
	char *argv[] = {"smartctl", "--json=c", "-l", (char *)what, path, NULL};
	if (strcmp(disk->transport, "sata") && strcmp(disk->transport, "usb"))
		return false;
	if (health_smartctl(root, argv, ASK_MS, text, sizeof(text), &len))
		return false;
	json_t *answer = json_loadb(text, len, 0, NULL);
	const json_t *o = json_object_get(answer, "ata_sct_erc");
	bool ok = take_limit(o, "read", &erc->read) && take_limit(o, "write", &erc->write);
	json_decref(answer);
	return ok;
}

bool erc_get(const char *root, const struct disk *disk, struct erc *erc)
{
	return ask(root, disk, "scterc", erc);
}

bool erc_set(const char *root, const struct disk *disk, const struct erc *erc)
{
	char what[48];
	struct erc now;
	snprintf(what, sizeof(what), "scterc,%u,%u", erc->read, erc->write);
	return ask(root, disk, what, &now) && now.read == erc->read && now.write == erc->write;
}
