/* task.h - something that may take as long as a disk or a server likes, on a thread of its own */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_TASK_H
#define TUI_TASK_H

#include <stdbool.h>

/* So long the interface waits for one that has just begun before it shows a page without it: what
 * is quick never flickers, and plain mode does not speak of it. */
#define TASK_GRACE_MS 250

/*
 * task_begin() calls run(arg) on another thread; what arg points to is that thread's until
 * task_ended() returns true. drop(arg) frees it once neither side needs it any more. NULL when
 * there is no memory or thread; arg has been dropped then. task_ended() waits at most `ms`.
 * task_leave() does not wait: a thread that hangs cleans up when it comes back. From one thread.
 */
struct task;
struct task *task_begin(void (*run)(void *arg), void (*drop)(void *arg), void *arg);
bool task_ended(struct task *task, int ms);
void task_leave(struct task *task);

#endif
