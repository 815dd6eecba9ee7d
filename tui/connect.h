/* connect.h - reaching a share on a thread of its own, so that a server that is silent stops no
 * screen */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_CONNECT_H
#define TUI_CONNECT_H

#include "engine/salvor.h"

struct connect_params {
	const char *root, *url;
	const char *password; /* "" = none is given */
	const char *host_key; /* "" = known_hosts decides */
	bool read_only;
};

/*
 * Copies what it needs; the password is wiped when it ends. connect_begin() returns NULL when there
 * is no memory. connect_ended() is true once the thread is through; then connect_result() has its
 * code, sentence and report, and connect_take() the share (NULL when it failed or was taken), which
 * is the caller's. connect_cancel() asks it to stop. connect_destroy() cancels, waits, and closes
 * what was not taken. All from one thread.
 */
struct connect;
struct connect *connect_begin(const struct connect_params *params);
bool connect_ended(const struct connect *c);
void connect_cancel(struct connect *c);
int connect_result(const struct connect *c, const struct sv_err **err,
		   const struct share_report **report);
struct share *connect_take(struct connect *c);
void connect_destroy(struct connect *c);

#endif
