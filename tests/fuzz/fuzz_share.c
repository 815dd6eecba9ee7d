/* fuzz_share.c - hostile URLs of shares; those that are read are made again and stay the same */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/share/share_int.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nothing in a parsed URL may end a mount option, climb out of the share, or command a terminal. */
static void check(const struct share_url *url)
{
	const char *texts[] = {url->domain, url->user, url->host, url->share, url->path};
	for (size_t i = 0; i < SV_ARRAY(texts); i++)
		for (const char *p = texts[i]; *p; p++)
			if ((unsigned char)*p < 0x20 || *p == 0x7f)
				abort();
	if (strchr(url->domain, ',') || strchr(url->user, ',') || strchr(url->host, ',') ||
	    strchr(url->host, '/') || url->user[0] == '-' || url->host[0] == '-' || !url->port)
		abort();
	if (strstr(url->path, "/../") || strstr(url->path, "//") || strchr(url->share, '/'))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct share_url url, again;
	struct sv_err err = {0};
	char *text = malloc(size + 1), made[3 * SHARE_URL_MAX];
	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (share_is_url(text) && !share_url_parse(text, &url, &err)) {
		check(&url);
		memset(url.domain, 0, sizeof(url.domain));
		share_make_url(&url, *url.path ? url.path : "/", made, sizeof(made));
		if (!*url.path && url.kind != SHARE_SMB)
			strcat(made, "/");
		if (!strchr(url.host, '%') && strlen(made) <= SHARE_URL_MAX &&
		    (share_url_parse(made, &again, &err) || memcmp(&url, &again, sizeof(url))))
			abort();
	}
	free(text);
	return 0;
}
