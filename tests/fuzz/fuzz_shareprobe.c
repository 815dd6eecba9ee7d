/* fuzz_shareprobe.c - hostile answers of servers to the first question */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/share/share_int.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses the protocol, the rest is the answer, then the server hangs up. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int pair[2];
	struct share_params params = {.root = ""};
	struct share s = {.params = &params, .lock_fd = -1};
	struct sv_err err = {0};
	if (!size || size > 65536 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair))
		return 0;
	s.url.kind = data[0] % SHARE_KINDS;
	strcpy(s.url.host, "host");
	s.url.port = 1;
	ssize_t sent = send(pair[1], data + 1, size - 1, MSG_NOSIGNAL);
	shutdown(pair[1], SHUT_WR);
	int rc = share_kinds[s.url.kind]->probe(&s, pair[0], &err);
	close(pair[0]);
	close(pair[1]);
	if (sent >= 0 && (!rc != (s.report.steps[SHARE_STEP_PROTOCOL].outcome == SHARE_PASSED) ||
			  (rc && !err.text[0])))
		__builtin_trap();
	return 0;
}
