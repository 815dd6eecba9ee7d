/* child.c - work for a child process: libraries with global state, hostile input, long computations
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/util/child.h"

#include "engine/util/bytes.h"
#include "engine/util/rate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_FD_PIPE (SV_CHILD_IMAGE + 1)
#define THREADS_MAX   4	  /* that a library may start: their CPU time is one sum */
#define POLL_MS	      100 /* how often it is asked whether to go on */
#define STUCK_POLLS   30  /* without any work: it waits for a lock that nobody holds */
#define ATTEMPTS      4	  /* for as many such children in a row */

/* ---- child ---- */

static void limit(__rlimit_resource_t what, rlim_t value)
{
	struct rlimit r = {value, value};
	setrlimit(what, &r);
}

/* More memory than the process has now, which may be a lot, but only so much. */
static void limit_memory(uint64_t more)
{
	char text[64] = "";
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		_exit(1);
	close(fd);
	limit(RLIMIT_AS, (rlim_t)strtoull(text, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE) + more);
}

static void child_setup(const struct sv_child *child, int out)
{
	static char *const no_env[] = {NULL};
	sigset_t none;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* first out of the way of the numbers they shall have */
	int image = fcntl(child->image, F_DUPFD, 10);
	out = fcntl(out, F_DUPFD, 10);
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		if (dup2(null, fd) < 0)
			_exit(1);
	if (dup2(image, SV_CHILD_IMAGE) < 0 || dup2(out, CHILD_FD_PIPE) < 0 ||
	    close_range(CHILD_FD_PIPE + 1, ~0U, 0))
		_exit(1);
	environ = (char **)no_env;
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_CPU, (rlim_t)child->ms / 1000 * THREADS_MAX);
	limit_memory(child->memory);
}

static void run_in_child(const struct sv_child *child, size_t len, int out)
{
	child_setup(child, out);
	uint8_t *answer = calloc(1, len);
	if (!answer)
		_exit(1);
	child->work(child->arg, answer);
	for (size_t done = 0; done < len;) {
		ssize_t n = write(CHILD_FD_PIPE, answer + done, len - done);
		if (n <= 0)
			_exit(1);
		done += (size_t)n;
	}
	_exit(0);
}

/* ---- parent ---- */

/* A child and what it has done so far. */
struct watch {
	pid_t pid;
	uint64_t ticks; /* CPU time, of all its threads */
	int idle;	/* polls in a row in which it slept and did nothing */
};

/* All it does is to compute: when it sleeps, it waits for a lock that a thread held as it was
 * forked. proc(5), /proc/pid/stat. */
static bool is_stuck(struct watch *w)
{
	char path[32], text[512];
	unsigned long long user, system;
	char state;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)w->pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[SV_MAX(n, 0)] = '\0';
	const char *rest = strrchr(text, ')'); /* its name may hold anything */
	if (!rest || sscanf(rest, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &state,
			    &user, &system) != 3)
		return false;
	w->idle = state == 'S' && user + system == w->ticks ? w->idle + 1 : 0;
	w->ticks = user + system;
	return w->idle >= STUCK_POLLS;
}

/* The next bytes of the answer: 1, 0 at its end, or SV_E_STOPPED. */
static int receive_some(const struct sv_child *child, int fd, uint8_t *p, size_t len, size_t *done)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	if (child->cancelled && child->cancelled(child->arg))
		return SV_E_STOPPED;
	int n = poll(&pfd, 1, POLL_MS);
	if (n < 0 && errno != EINTR)
		return 0;
	if (n <= 0)
		return 1;
	ssize_t got = read(fd, p + *done, len - *done);
	if (got == 0 || (got < 0 && errno != EINTR))
		return 0;
	*done += got > 0 ? (size_t)got : 0;
	return 1;
}

static int receive(const struct sv_child *child, int fd, uint8_t *p, size_t len, struct watch *w,
		   bool *answered)
{
	uint64_t end = sv_now_ns() + (uint64_t)child->ms * 1000000;
	size_t done = 0;
	int more = 1;
	while (more > 0 && done < len && sv_now_ns() < end && !is_stuck(w)) {
		size_t before = done;
		more = receive_some(child, fd, p, len, &done);
		if (done != before)
			w->idle = 0;
	}
	*answered = done == len;
	return SV_MIN(more, 0);
}

/* One child. *stuck: it never came to do its work. */
static int try_child(const struct sv_child *child, void *answer, size_t len, bool *answered,
		     bool *stuck, struct sv_err *err)
{
	int fds[2], rc = 0;
	*stuck = false;
	if (pipe2(fds, O_CLOEXEC))
		return sv_fail(err, SV_E_FAILED, errno, "", "cannot make a pipe");
	struct watch w = {.pid = fork()};
	if (!w.pid)
		run_in_child(child, len, fds[1]);
	int fork_errno = errno;
	close(fds[1]);
	if (w.pid > 0)
		rc = receive(child, fds[0], answer, len, &w, answered);
	close(fds[0]);
	if (w.pid < 0)
		return sv_fail(err, SV_E_FAILED, fork_errno, "", "cannot start a process");
	kill(w.pid, SIGKILL);
	while (waitpid(w.pid, NULL, 0) < 0 && errno == EINTR)
		;
	*stuck = !rc && !*answered && w.idle >= STUCK_POLLS;
	return rc ? sv_fail_stopped(err, "") : 0;
}

int sv_child_run(const struct sv_child *child, void *answer, size_t len, bool *answered,
		 struct sv_err *err)
{
	bool stuck = true;
	int rc = 0;
	*answered = false;
	for (int i = 0; !rc && stuck && i < ATTEMPTS; i++) {
		memset(answer, 0, len);
		rc = try_child(child, answer, len, answered, &stuck, err);
	}
	if (!*answered)
		explicit_bzero(answer, len);
	return rc;
}
