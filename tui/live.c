/* live.c - what the interface changes of the live system while it runs */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/live.h"
#include "tui/i18n.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char *live_why_not(void)
{
	return getenv("SALVOR_LIVE") ? NULL : _("only on the live system");
}

bool live_set(struct app *app, const char *name, const char *value)
{
	int status = 1;
	pid_t pid = fork();
	if (pid == 0) {
		execlp("live-init", "live-init", "set", name, value, (char *)NULL);
		_exit(127);
	}
	bool ok = pid > 0 && waitpid(pid, &status, 0) == pid && !status;
	app_log(app, ok ? _("%s is now %s") : _("%s cannot be set to %s"), name, value);
	if (!ok)
		app_say(app, STYLE_WARN, _("This is not possible"), _("The log says more."));
	return ok;
}

void live_param(const struct app *app, const char *name, char out[LIVE_VALUE])
{
	char path[512], line[256];
	size_t len = strlen(name);
	out[0] = '\0';
	if (live_why_not())
		return;
	snprintf(path, sizeof(path), "%s/run/salvor/params", app->root);
	FILE *file = fopen(path, "re");
	/* the last one counts, as for live-init */
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, name, len) && line[len] == '=')
			snprintf(out, LIVE_VALUE, "%.*s", LIVE_VALUE - 1, line + len + 1);
	}
	if (file)
		fclose(file);
}
