/* table_parted.c - libparted's view of a partition table, from a child process on a sparse copy */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/layout_int.h"
#include "engine/util/bytes.h"
#include "engine/util/rate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <parted/parted.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * libparted keeps global state, aborts on some tables, opens devices for writing, runs commands and
 * asks its user whether to "fix" a disk. So it never sees a disk: it gets a sparse copy in memory
 * that holds the table areas, in a child that can do no harm and whose death is an answer too.
 *
 * The child of a threaded process calls malloc after fork(): glibc puts its allocator and stdio in
 * order for the child. Other locks (gettext's) could be held by a thread that does not exist there;
 * then the child hangs, and the time limit ends it.
 */

#define CHILD_FD_IMAGE 3
#define CHILD_FD_PIPE  4
#define TIME_LIMIT_MS  20000
#define MEMORY_LIMIT   (256 * SV_MIB)

/* ---- child ---- */

/* Warnings are passed over, questions are not answered: FIX and YES write to a disk. */
static PedExceptionOption answer(PedException *ex)
{
	if (ex->options & PED_EXCEPTION_IGNORE)
		return PED_EXCEPTION_IGNORE;
	/* "the backup GPT is corrupt, the primary will be used" */
	if (ex->options == PED_EXCEPTION_OK_CANCEL)
		return PED_EXCEPTION_OK;
	if (ex->options & PED_EXCEPTION_CANCEL)
		return PED_EXCEPTION_CANCEL;
	return PED_EXCEPTION_UNHANDLED;
}

static void limit(__rlimit_resource_t what, rlim_t value)
{
	struct rlimit r = {value, value};
	setrlimit(what, &r);
}

/* More memory than the process has now, which may be a lot, but only so much. */
static void limit_memory(void)
{
	char text[64] = "";
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		_exit(1);
	close(fd);
	limit(RLIMIT_AS,
	      (rlim_t)strtoull(text, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE) + MEMORY_LIMIT);
}

static void child_setup(int image, int out)
{
	static char *const no_env[] = {NULL};
	sigset_t none;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* first out of the way of the numbers they shall have */
	image = fcntl(image, F_DUPFD, 10);
	out = fcntl(out, F_DUPFD, 10);
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		if (dup2(null, fd) < 0)
			_exit(1);
	if (dup2(image, CHILD_FD_IMAGE) < 0 || dup2(out, CHILD_FD_PIPE) < 0 ||
	    close_range(CHILD_FD_PIPE + 1, ~0U, 0))
		_exit(1);
	environ = (char **)no_env;
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_CPU, TIME_LIMIT_MS / 1000);
	limit_memory();
}

static void collect(PedDisk *disk, struct parted_view *view)
{
	PedPartition *p = NULL;
	uint64_t ss = (uint64_t)disk->dev->sector_size;
	while ((p = ped_disk_next_partition(disk, p))) {
		if (!ped_partition_is_active(p))
			continue;
		if (view->n == PARTED_MAX)
			_exit(1);
		view->v[view->n++] = (struct parted_part){
			.number = p->num,
			.logical = p->type & PED_PARTITION_LOGICAL,
			.extended = p->type & PED_PARTITION_EXTENDED,
			.start = (uint64_t)p->geom.start * ss,
			.size = (uint64_t)p->geom.length * ss,
		};
	}
}

static void look(uint64_t size, uint32_t sector_size, struct parted_view *view)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", CHILD_FD_IMAGE);
	ped_exception_set_handler(answer);
	PedDevice *dev = ped_device_get(path);
	if (!dev)
		_exit(1);
	/* a file has 512 byte sectors in libparted's eyes */
	dev->sector_size = dev->phys_sector_size = sector_size;
	dev->length = (PedSector)(size / sector_size);
	PedDiskType *type = ped_disk_probe(dev);
	if (!type)
		return;
	snprintf(view->table, sizeof(view->table), "%s", type->name);
	PedDisk *disk = ped_disk_new(dev);
	if (disk)
		collect(disk, view);
	else
		view->unreadable = true;
}

static void child(uint64_t size, uint32_t sector_size, int image, int out)
{
	child_setup(image, out);
	struct parted_view *view = calloc(1, sizeof(*view));
	if (!view)
		_exit(1);
	look(size, sector_size, view);
	const uint8_t *p = (const uint8_t *)view;
	for (size_t done = 0; done < sizeof(*view);) {
		ssize_t n = write(CHILD_FD_PIPE, p + done, sizeof(*view) - done);
		if (n <= 0)
			_exit(1);
		done += (size_t)n;
	}
	_exit(0);
}

/* ---- parent ---- */

static bool write_all(int fd, const uint8_t *p, size_t len, uint64_t off)
{
	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return true;
}

static int make_image(uint64_t size, const struct layout_pieces *pieces, struct sv_err *err)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);
	bool ok = fd >= 0 && size <= INT64_MAX && !ftruncate(fd, (off_t)size);
	for (size_t i = 0; ok && i < pieces->n; i++)
		ok = write_all(fd, pieces->v[i].data, pieces->v[i].len, pieces->v[i].off);
	if (ok)
		return fd;
	int rc = sv_fail(err, SV_E_FAILED, errno, "", "cannot make a copy of the partition table");
	if (fd >= 0)
		close(fd);
	return rc;
}

/* true when the child sent a whole view in time */
static bool receive(int fd, struct parted_view *view)
{
	uint8_t *p = (uint8_t *)view;
	size_t done = 0;
	uint64_t end = sv_now_ns() + TIME_LIMIT_MS * 1000000ULL;
	while (done < sizeof(*view)) {
		uint64_t now = sv_now_ns();
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		if (now >= end)
			return false;
		int n = poll(&pfd, 1, (int)((end - now) / 1000000) + 1);
		if (n < 0 && errno != EINTR)
			return false;
		if (n <= 0)
			continue;
		ssize_t got = read(fd, p + done, sizeof(*view) - done);
		if (got == 0 || (got < 0 && errno != EINTR))
			return false;
		done += got > 0 ? (size_t)got : 0;
	}
	return view->n <= PARTED_MAX && memchr(view->table, 0, sizeof(view->table));
}

static int run_child(uint64_t size, uint32_t sector_size, int image, struct parted_view *view,
		     struct sv_err *err)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC))
		return sv_fail(err, SV_E_FAILED, errno, "", "cannot make a pipe");
	pid_t pid = fork();
	if (!pid)
		child(size, sector_size, image, fds[1]);
	int fork_errno = errno;
	close(fds[1]);
	if (pid > 0 && !receive(fds[0], view)) {
		memset(view, 0, sizeof(*view));
		view->died = true;
	}
	close(fds[0]);
	if (pid < 0)
		return sv_fail(err, SV_E_FAILED, fork_errno, "", "cannot start a process");
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}

int parted_look(uint64_t size, uint32_t sector_size, const struct layout_pieces *pieces,
		struct parted_view **view_ret, struct sv_err *err)
{
	struct parted_view *view = calloc(1, sizeof(*view));
	if (!view)
		return sv_fail_nomem(err);
	int image = make_image(size, pieces, err);
	int rc = image < 0 ? image : run_child(size, sector_size, image, view, err);
	if (image >= 0)
		close(image);
	if (rc) {
		free(view);
		view = NULL;
	}
	*view_ret = view;
	return rc;
}
