#include "tests/simulator/builds.h"

#include <math.h>
#include <stdlib.h>

#include "tests/simulator/draw.h"
#include "tests/simulator/memory.h"
#include "tests/simulator/text.h"

#define EXIT_KILLED      137  /* 128 + SIGKILL, as a container runtime reports it */
#define EARLY_WORK_SHARE 0.1  /* a build that finds no environment ends almost at once */
#define FIRST_ROOM       1024 /* builds */

struct lane {
    double virtual_us;
    int64_t at_us; /* when virtual_us was right */
    double slow;
    size_t running_n; /* held ones too */
    struct heap ends;
};

struct builds {
    uint64_t seed;
    size_t slots;
    struct lane lanes[MAX_REPLICAS];
    struct build **list;
    size_t n;
    size_t room;
    struct build *tasks;
    build_ended_fn *ended;
    void *ended_arg;
};

struct builds *builds_new(uint64_t seed, size_t slots)
{
    struct builds *builds = memory_zeroed(1, sizeof *builds);

    builds->seed = seed;
    builds->slots = slots;
    for (size_t i = 0; i < MAX_REPLICAS; i++)
        builds->lanes[i].slow = 1;
    return builds;
}

void builds_free(struct builds *builds)
{
    if (builds == NULL)
        return;
    HASH_CLEAR(by_task, builds->tasks);
    for (size_t i = 0; i < builds->n; i++)
        free(builds->list[i]);
    for (size_t i = 0; i < MAX_REPLICAS; i++)
        heap_done(&builds->lanes[i].ends);
    free(builds->list);
    free(builds);
}

void builds_on_end(struct builds *builds, build_ended_fn *ended, void *arg)
{
    builds->ended = ended;
    builds->ended_arg = arg;
}

/* Virtual microseconds per microsecond. */
static double rate(const struct builds *builds, const struct lane *lane)
{
    bool shared = builds->slots > 0 && lane->running_n > builds->slots;

    return (shared ? (double)builds->slots / (double)lane->running_n : 1.0) / lane->slow;
}

static double virtual_at(const struct builds *builds, const struct lane *lane, int64_t now_us)
{
    if (now_us <= lane->at_us)
        return lane->virtual_us;
    return lane->virtual_us + (double)(now_us - lane->at_us) * rate(builds, lane);
}

/* To be called before anything changes the rate. */
static void move_clock(struct builds *builds, struct lane *lane, int64_t now_us)
{
    lane->virtual_us = virtual_at(builds, lane, now_us);
    if (now_us > lane->at_us)
        lane->at_us = now_us;
}

static double part_end(const struct build *build)
{
    return build->started_virtual_us +
           build->work_us * (double)(build->part + 1) / (double)build->parts_n;
}

static void start_job(struct build *build, int64_t now_us)
{
    if (build->part < build->jobs_n)
        build->jobs[build->part].started_us = now_us;
}

static void end_job(struct build *build, int exit_code, int64_t now_us)
{
    if (build->part >= build->jobs_n)
        return;
    build->jobs[build->part].ended_us = now_us;
    build->jobs[build->part].exit_code = exit_code;
}

static void take_effect(struct build *build)
{
    if (build->code != 0)
        return;
    if (build->activate)
        build->item->active_bundle = build->bundle;
    build->item->warm = false;
}

static void end_build(struct builds *builds, struct build *build, int exit_code, int64_t now_us)
{
    struct lane *lane = &builds->lanes[build->replica];

    move_clock(builds, lane, now_us);
    heap_remove(&lane->ends, &build->end);
    end_job(build, exit_code, now_us);
    lane->running_n--;
    build->item->running_n--;
    build->state = BUILD_ENDED;
    build->code = exit_code == 0 ? 0 : 1;
    build->ended_us = now_us;
    take_effect(build);
    if (builds->ended != NULL)
        builds->ended(builds->ended_arg, build);
}

/* The part in which the build's failure happens; parts_n: in none. */
static size_t failing_part(const struct build *build)
{
    if (build->failure == NULL)
        return build->parts_n;
    return build->failure->runtime == FAILURE_R ? 0 : build->parts_n - 1;
}

static void end_part(struct builds *builds, struct build *build, int64_t now_us)
{
    struct lane *lane = &builds->lanes[build->replica];

    if (build->part == failing_part(build) || build->part + 1 == build->parts_n) {
        end_build(builds, build, build->part == failing_part(build) ? 1 : 0, now_us);
        return;
    }
    end_job(build, 0, now_us);
    build->part++;
    start_job(build, now_us);
    heap_remove(&lane->ends, &build->end);
    heap_push(&lane->ends, &build->end, part_end(build));
}

static int64_t next_of(const struct builds *builds, const struct lane *lane)
{
    const struct heap_node *top = heap_top(&lane->ends);

    if (top == NULL)
        return INT64_MAX;
    double left = (top->key - lane->virtual_us) / rate(builds, lane);
    return left <= 0 ? lane->at_us : lane->at_us + (int64_t)ceil(left);
}

void builds_advance(struct builds *builds, int64_t now_us)
{
    for (size_t i = 0; i < MAX_REPLICAS; i++) {
        struct lane *lane = &builds->lanes[i];
        for (int64_t at = next_of(builds, lane); at <= now_us; at = next_of(builds, lane)) {
            struct build *build = container_of(heap_top(&lane->ends), struct build, end);
            move_clock(builds, lane, at);
            end_part(builds, build, at);
        }
    }
}

int64_t builds_next_us(const struct builds *builds)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < MAX_REPLICAS; i++) {
        int64_t at = next_of(builds, &builds->lanes[i]);
        next = at < next ? at : next;
    }
    return next;
}

static void add_job(struct builds *builds, struct build *build, const char *tag)
{
    struct job *job = &build->jobs[build->jobs_n++];

    draw_id(draw_hash(builds->seed, tag, build->number), job->key);
    job->tag = tag;
}

/* Connect restores R first and Python after it, each in a job of its own. */
static void plan_jobs(struct builds *builds, struct build *build)
{
    bool early = build->failure != NULL && build->failure->runtime == FAILURE_EARLY;

    if (early)
        build->work_us *= EARLY_WORK_SHARE;
    if (!early && item_uses_r(build->item))
        add_job(builds, build, "packrat_restore");
    if (!early && item_uses_python(build->item))
        add_job(builds, build, "python_restore");
    build->parts_n = build->jobs_n == 0 ? 1 : build->jobs_n;
}

static struct build *new_build(struct builds *builds, const struct build_order *order)
{
    struct build *build = memory_zeroed(1, sizeof *build);

    build->number = builds->n;
    build->item = order->item;
    build->replica = order->replica;
    build->bundle = order->bundle;
    build->activate = order->activate;
    build->failure = order->failure;
    build->work_us = (double)order->work_us;
    build->log = order->log;
    build->older = order->item->newest_build;
    text_copy(build->bundle_asked, sizeof build->bundle_asked, order->bundle_asked);
    text_copy(build->correlation, sizeof build->correlation, order->correlation);
    text_copy(build->cookie, sizeof build->cookie, order->cookie);
    draw_id(draw_hash(builds->seed, "task", build->number), build->task_id);
    build->task_known = true;
    plan_jobs(builds, build);
    return build;
}

static void append(struct builds *builds, struct build *build)
{
    if (builds->n == builds->room) {
        builds->room = builds->room == 0 ? FIRST_ROOM : builds->room * 2;
        builds->list = memory_grown(builds->list, builds->room * sizeof *builds->list);
    }
    builds->list[builds->n++] = build;
    HASH_ADD(by_task, builds->tasks, task_id, ID_BYTES - 1, build);
}

struct build *builds_start(struct builds *builds, const struct build_order *order, int64_t now_us)
{
    struct build *build = new_build(builds, order);
    struct lane *lane = &builds->lanes[build->replica];

    append(builds, build);
    move_clock(builds, lane, now_us);
    lane->running_n++;
    build->item->running_n++;
    build->item->builds_n++;
    build->item->newest_build = build;
    build->started_us = now_us;
    build->started_virtual_us = lane->virtual_us;
    build->state = order->held ? BUILD_HELD : BUILD_RUNNING;
    start_job(build, now_us);
    if (!order->held)
        heap_push(&lane->ends, &build->end, part_end(build));
    return build;
}

struct build *builds_find_task(const struct builds *builds, const char *task_id)
{
    struct build *build = NULL;

    HASH_FIND(by_task, builds->tasks, task_id, strlen(task_id), build);
    return build;
}

struct job *builds_find_job(const struct item *item, const char *key, struct build **ret_build)
{
    for (struct build *build = item->newest_build; build != NULL; build = build->older) {
        for (size_t i = 0; i < build->jobs_n; i++) {
            if (strcmp(build->jobs[i].key, key) != 0 || build->jobs[i].started_us == 0)
                continue;
            *ret_build = build;
            return &build->jobs[i];
        }
    }
    return NULL;
}

void builds_kill(struct builds *builds, struct build *build, int64_t now_us)
{
    if (build->state == BUILD_ENDED)
        return;
    build->killed = true;
    end_build(builds, build, EXIT_KILLED, now_us);
}

void builds_release(struct builds *builds, size_t most, int64_t now_us)
{
    for (size_t i = 0; i < builds->n && most > 0; i++) {
        struct build *build = builds->list[i];
        if (build->state != BUILD_HELD)
            continue;
        most--;
        build->state = BUILD_RUNNING;
        while (build->state == BUILD_RUNNING)
            end_part(builds, build, now_us);
    }
}

void builds_forget_task(struct builds *builds, struct build *build)
{
    if (!build->task_known)
        return;
    /* A known task is in the table, so the table is there; the analyzer cannot see it. */
    HASH_DELETE(by_task, builds->tasks, build); /* NOLINT(clang-analyzer-core.NullDereference) */
    build->task_known = false;
}

void builds_forget_tasks(struct builds *builds, size_t replica, bool die, int64_t now_us)
{
    for (size_t i = 0; i < builds->n; i++) {
        struct build *build = builds->list[i];
        if (build->replica != replica)
            continue;
        builds_forget_task(builds, build);
        if (!die || build->state == BUILD_ENDED)
            continue;
        build->died = true;
        end_build(builds, build, EXIT_KILLED, now_us);
    }
}

void builds_set_slow(struct builds *builds, size_t replica, double factor, int64_t now_us)
{
    move_clock(builds, &builds->lanes[replica], now_us);
    builds->lanes[replica].slow = factor;
}

double builds_slow(const struct builds *builds, size_t replica)
{
    return builds->lanes[replica].slow;
}

size_t builds_running(const struct builds *builds, size_t replica)
{
    return builds->lanes[replica].running_n;
}

size_t builds_count(const struct builds *builds)
{
    return builds->n;
}

struct build *builds_at(const struct builds *builds, size_t number)
{
    return builds->list[number];
}

double builds_progress(const struct builds *builds, const struct build *build, int64_t now_us)
{
    if (build->state == BUILD_ENDED || build->work_us <= 0)
        return 1;
    double done =
        virtual_at(builds, &builds->lanes[build->replica], now_us) - build->started_virtual_us;
    double progress = done / build->work_us;
    return progress > 1 ? 1 : progress;
}
