#ifndef SIMULATOR_BUILDS_H
#define SIMULATOR_BUILDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "tests/simulator/failure.h"
#include "tests/simulator/heap.h"
#include "tests/simulator/item.h"
#include "tests/simulator/limits.h"

/* Builds, their tasks and their restore jobs. Pure: time is an argument and must not go backwards;
 * nothing is sent or logged. A task is known to the one replica that runs it; jobs and items are in
 * the database that all replicas share.
 *
 * Processor sharing: a replica with more builds than slots runs all of them, each slower. All
 * builds of a replica progress at one rate, so each replica has a virtual clock that runs at that
 * rate and a build ends at a fixed virtual time. */

struct job {
    char key[ID_BYTES];
    const char *tag;    /* packrat_restore or python_restore */
    int64_t started_us; /* 0: its turn has not come */
    int64_t ended_us;   /* 0: has not ended */
    int exit_code;
};

/* What a build writes: fixed when it starts, so that its line numbers never move. */
struct log_shape {
    size_t lines;      /* usual ones, at least 1 */
    size_t wide_bytes; /* of one more line; 0: none */
    bool nul;          /* one more line with a NUL in it */
    bool invalid;      /* one more line that is not UTF-8 */
};

enum build_state {
    BUILD_RUNNING, /* in the heap of its replica */
    BUILD_HELD,    /* counts as running, ends only when released */
    BUILD_ENDED,
};

struct build {
    struct heap_node end; /* virtual end of the current part */
    enum build_state state;
    struct item *item;
    struct build *older; /* build of the same item */
    size_t replica;
    size_t number; /* of all builds, from 0 */
    int64_t bundle;
    char bundle_asked[WORD_BYTES]; /* as it was sent; empty: null or absent */
    bool activate;
    char correlation[CORRELATION_BYTES];
    char cookie[COOKIE_BYTES]; /* sticky, of the submit; empty: none */
    char task_id[ID_BYTES];
    bool task_known; /* to its replica */
    double work_us;  /* at full speed */
    double started_virtual_us;
    int64_t started_us;
    int64_t ended_us;
    const struct failure *failure; /* what it ends with; NULL: success */
    int code;                      /* of the task, once ended */
    bool killed;                   /* through its job */
    bool died;                     /* with its replica */
    struct log_shape log;
    struct job jobs[MAX_JOBS];
    size_t jobs_n;
    size_t parts_n; /* stretches of equal work: one per job, at least one */
    size_t part;    /* the current one */
    void *pollers;  /* the edge's: long polls that wait for the end */
    UT_hash_handle by_task;
};

struct build_order {
    struct item *item;
    size_t replica;
    int64_t bundle;
    const char *bundle_asked;
    bool activate;
    bool held;
    const char *correlation; /* NULL: none */
    const char *cookie;      /* NULL: none */
    int64_t work_us;
    const struct failure *failure;
    struct log_shape log;
};

struct builds;

/* Runs when a build has ended, whatever ended it, from inside the builds_ function that noticed. */
typedef void build_ended_fn(void *arg, struct build *build);

struct builds *builds_new(uint64_t seed, size_t slots); /* slots 0: no sharing */
void builds_free(struct builds *builds);
void builds_on_end(struct builds *builds, build_ended_fn *ended, void *arg);

/* The build is borrowed and lives as long as builds. Call builds_advance() with the same time
 * before. */
struct build *builds_start(struct builds *builds, const struct build_order *order, int64_t now_us);

void builds_advance(struct builds *builds, int64_t now_us); /* ends what is due */
int64_t builds_next_us(const struct builds *builds); /* when to advance next; INT64_MAX: never */

struct build *builds_find_task(const struct builds *builds,
                               const char *task_id); /* on any replica */
struct job *builds_find_job(const struct item *item, const char *key, struct build **ret_build);

void builds_kill(struct builds *builds, struct build *build, int64_t now_us);
void builds_release(struct builds *builds, size_t most,
                    int64_t now_us); /* the oldest held builds end now */
void builds_forget_task(struct builds *builds, struct build *build);

/* The replica forgets its tasks; its running builds go on without one, or die. */
void builds_forget_tasks(struct builds *builds, size_t replica, bool die, int64_t now_us);

void builds_set_slow(struct builds *builds, size_t replica, double factor, int64_t now_us);
double builds_slow(const struct builds *builds, size_t replica);
size_t builds_running(const struct builds *builds, size_t replica);
size_t builds_count(const struct builds *builds);
struct build *builds_at(const struct builds *builds, size_t number);

double builds_progress(const struct builds *builds, const struct build *build,
                       int64_t now_us); /* 0 to 1 */

#endif
