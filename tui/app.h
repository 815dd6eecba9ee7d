/* app.h - the application: a stack of screens, what the user has chosen, and the running job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_APP_H
#define TUI_APP_H

#include "tui/content.h"
#include "tui/face.h"
#include "tui/keyring.h"
#include "tui/marks.h"
#include "tui/mounted.h"
#include "tui/page.h"
#include "tui/trace.h"
#include "tui/unfinished.h"
#include "tui/vitals.h"
#include "tui/work.h"

#include "engine/salvor.h"

/* All of this belongs to the interface's one thread; work.c and content.c say what their own
 * threads touch. */

#define APP_MAX_PARTS 128

enum plan_kind { PLAN_SAVE, PLAN_RESTORE, PLAN_CLONE, PLAN_VERIFY, PLAN_COPY, PLAN_RESCUE };

/* What the user has chosen so far in a flow. Kept while going back and forth. */
struct plan {
	enum plan_kind kind;
	struct disk source; /* of a save or a clone; of a copy, where the volume lies */
	bool has_source;
	int parts[APP_MAX_PARTS]; /* numbers of the partitions to read, when not all */
	size_t n_parts;
	bool all_parts;
	char folder[1024];  /* where the image lies or goes, or the copied files */
	char name[256];	    /* of the image, or of the new folder for files */
	bool resume;	    /* continue NAME.part */
	struct disk target; /* of a restore or a clone; or what becomes a new backup disk */
	bool has_target;
	/* of a copy of files: the volume, where it is mounted, the folder that is shown */
	char volume[160], from[256], at[1024];
	struct marks marks;
	/* of a rescue, whose map is FOLDER/NAME.map; of one into an image in FOLDER/NAME.rescue */
	bool to_file;		    /* into FOLDER/NAME.raw; else onto the target */
	bool to_image;		    /* to_file, too: FOLDER/NAME is made of the file in the end */
	unsigned int domain;	    /* enum sv_domain */
	unsigned int retries, slow; /* indices of flow's tables */
	/* the Review page */
	unsigned int preset; /* index of review's table */
	bool whole, skip_bad, no_verify;
	unsigned int free_mode; /* enum sv_free_mode */
	char note[256];
	char typed[16]; /* the confirmation */
};

struct app;
struct screen;

struct screen_ops {
	const char *name; /* of tests and the log */
	const char *help; /* what the page is about, translated by its reader */
	size_t state_size;
	int tick_ms; /* how often tick() is called while nothing happens; 0 = never */
	/* Start with a zeroed state. Negative: the screen is not shown, and `err` is. */
	int (*open)(struct app *app, struct screen *screen, struct sv_err *err);
	/* Describe the state. Changes nothing. */
	void (*fill)(const struct app *app, const struct screen *screen, struct page *page);
	/* Something was chosen (REQ_ENTER with the id of an item), changed (REQ_LEFT, REQ_RIGHT on
	 * an option) or asked for (what the page offers). REQ_BACK: true = it was dealt with. */
	bool (*act)(struct app *app, struct screen *screen, enum request request, int id);
	/* A field has a new text. */
	void (*text)(struct app *app, struct screen *screen, int id, const char *text);
	void (*tick)(struct app *app, struct screen *screen);
	/* Shown again after what lay above it was closed. */
	void (*back)(struct app *app, struct screen *screen);
	void (*done)(struct app *app, struct screen *screen);
};

struct screen {
	const struct screen_ops *ops;
	void *state;
	uint64_t ticked; /* when, in ms */
	struct face_view view;
	struct screen *below;
};

/* The image that was opened last. */
struct app_image {
	struct image_reader *reader; /* while the page of its contents is shown */
	char store[64];		     /* kernel name of the disk or partition that holds it */
};

#define APP_IDENTITY_TEXT 600

/* A disk that was seen: its number is never given to another one. */
struct app_seen {
	char key[APP_IDENTITY_TEXT];
	unsigned int number;
};

struct app {
	const char *root; /* "" = the real machine */
	struct face *face;
	struct trace trace;
	struct screen *top;
	bool fresh, quit;
	int quit_code;
	struct disk_list disks;
	char disks_error[256]; /* why there is no list; "" */
	struct app_seen *seen;
	size_t n_seen;
	struct content *content;       /* what is on the disks, found out in the background */
	struct vitals *vitals;	       /* how they are; NULL = not known */
	struct keyring *keyring;       /* what opens encrypted volumes of theirs */
	struct disk looked_at;	       /* whose health is shown */
	struct disk to_unlock;	       /* whose encrypted volumes are */
	struct disk to_format;	       /* that becomes a new backup disk */
	struct unfinished *unfinished; /* backups that can be gone on with; NULL = none */
	struct share *share;	       /* the store on another machine; NULL = none */
	struct mounted *mounted;       /* what was mounted for the flows */
	size_t n_mounted;
	struct plan plan;
	struct app_image image;
	struct work *work; /* the running or last job; NULL = none */
	struct work_log *log;
};

/* ---- screens ---- */

/* Put a screen on top. It is opened first; when that fails, a page with the sentence is shown. */
void app_push(struct app *app, const struct screen_ops *ops);
/* Close the top screen. The last one stays. */
void app_pop(struct app *app);
/* Close all screens but the first. */
void app_home(struct app *app);
/* Put a screen on top whose state the caller fills: it is not opened. NULL when out of memory. */
struct screen *app_put(struct app *app, const struct screen_ops *ops);
/* A page that says one thing. */
void app_say(struct app *app, enum page_style style, const char *title, const char *sentence);

/*
 * Begin the job that was created for app->work with `rc`; app->work NULL is a job without memory.
 * False when it did not begin: a page says the sentence of *err, and job and work are gone.
 */
bool app_start_job(struct app *app, int rc, struct sv_job *job, struct sv_err *err);

/*
 * Something that may take as long as a disk or a server likes. run() is called on a thread of its
 * own and touches nothing but `arg`; then() on the interface's thread, after a success; after a
 * failure the sentence is shown under `failed`. Whoever waits may leave: then() is not called then.
 * drop() frees arg in any case, on either thread.
 */
struct errand {
	const char *failed; /* the title, not yet translated */
	int (*run)(void *arg, struct sv_err *err);
	void (*then)(struct app *app, void *arg);
	void (*drop)(void *arg);
};
/* Begin it, and show a page that says `what` until it has ended, unless it is quick. */
void app_wait(struct app *app, const struct errand *errand, void *arg, const char *what);

/* Write a line into the log of this session. */
void app_log(struct app *app, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Leave the screen to a shell until it ends. */
void app_shell(struct app *app);

/* ---- disks ---- */

void app_scan_disks(struct app *app);
/* "#1": the number of a disk in this session. */
unsigned int app_disk_number(const struct app *app, const struct disk *disk);
/* The same disk in the list as it is now, if it was plugged in again under whatever name; itself
 * where there is none. */
const struct disk *app_disk_now(const struct app *app, const struct disk *disk);
/* The same disk in the list as it is now, NULL when it is gone. */
const struct disk *app_disk_again(const struct app *app, const struct disk *disk);
/* "#1  Samsung SSD 870 EVO  1.0 TB (931.5 GiB)  S/N S5Y2NJ0R204821F" */
#define APP_DISK_TEXT 400
const char *app_disk_name(const struct app *app, const struct disk *disk, char out[APP_DISK_TEXT]);
/* What it is known by when it is seen again: its serial number, without one also the place where it
 * is plugged in. Returns out. */
const char *app_disk_identity(const struct disk *disk, char out[APP_IDENTITY_TEXT]);
/* Two disks that are the same physical thing. */
bool app_same_disk(const struct disk *a, const struct disk *b);

int app_run(struct app *app);

/* ---- the screens ---- */

extern const struct screen_ops screen_home, screen_source, screen_parts, screen_place,
	screen_volume, screen_files, screen_image, screen_share, screen_target, screen_review,
	screen_progress, screen_log, screen_help, screen_power, screen_settings, screen_keymap,
	screen_zone, screen_network, screen_format, screen_format_check, screen_message,
	screen_wait, screen_contents, screen_health, screen_vitals, screen_rescue,
	screen_rescue_start, screen_hit, screen_welcome, screen_unlock;

#endif
