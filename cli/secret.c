/* secret.c - passwords and passphrases: asked for on the terminal, never shown */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* One line without stdio, whose buffers nobody wipes. */
static int read_line(char *secret, size_t max, struct sv_err *err)
{
	struct pollfd pfd = {.fd = STDIN_FILENO, .events = POLLIN};
	for (size_t n = 0; n < max;) {
		if (cli_signals_pending())
			return sv_fail(err, SV_E_STOPPED, 0, "", "stopped by the user");
		if (poll(&pfd, 1, 100) <= 0)
			continue;
		ssize_t got = read(STDIN_FILENO, secret + n, 1);
		if (got <= 0 || secret[n] == '\n') {
			secret[n] = '\0';
			return 0;
		}
		n++;
	}
	return sv_fail(err, SV_E_USAGE, 0, "the password", "the password is too long");
}

int cli_ask_secret(const char *before, const char *name, const char *after, char *secret,
		   size_t max, struct sv_err *err)
{
	struct termios old, silent;
	if (tcgetattr(STDIN_FILENO, &old))
		return read_line(secret, max, err);
	/* before the question: what is typed at once would be shown, and then flushed */
	silent = old;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	fputs(before, stderr);
	cli_put(stderr, name);
	fprintf(stderr, "%s: ", after);
	int rc = read_line(secret, max, err);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	fputs("\n", stderr);
	return rc;
}

/* ---- encrypted volumes ---- */

int cli_unlock_ask(void *arg, const char *volume, unsigned int attempt,
		   char passphrase[SV_PASSPHRASE_MAX], struct sv_err *err)
{
	(void)arg;
	bool terminal = isatty(STDIN_FILENO);
	int rc = cli_ask_secret(attempt ? "It does not fit. Passphrase for " : "Passphrase for ",
				volume, attempt ? "" : " (none: it stays locked)", passphrase,
				SV_PASSPHRASE_MAX, err);
	if (rc || *passphrase || (terminal && !attempt))
		return rc;
	return sv_fail(err, SV_E_PASSPHRASE, 0, volume,
		       attempt ? "wrong passphrase for %s" : "no passphrase was given for %s",
		       volume);
}

static bool cancelled(void *arg)
{
	(void)arg;
	return cli_signals_pending();
}

void cli_unlock_init(const struct cli_args *args, struct sv_unlock *unlock)
{
	*unlock = (struct sv_unlock){
		.key_files = &args->key_file,
		.n_key_files = args->key_file ? 1 : 0,
		.ask = args->unlock ? cli_unlock_ask : NULL,
		.cancelled = cancelled,
	};
}
