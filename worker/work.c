#include "worker/work.h"

#include <stdlib.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "common/base/log.h"
#include "common/base/str.h"
#include "common/connect/http.h"
#include "common/event/event.h"
#include "worker/checks.h"

#define BIT(s) (1u << (s))

/* A work with its place in the index; callers only see the work. */
struct work_index {
    struct work work;
    UT_hash_handle hh;
};

static const struct {
    const char *name;
    unsigned may_go;
} states[WORK_STATES] = {
    [WORK_ASKING] = { "asking", BIT(WORK_READING) | BIT(WORK_READY) | BIT(WORK_POLLING) |
                                    BIT(WORK_LOOKING) | BIT(WORK_CHECKING) | BIT(WORK_SETTLING) |
                                    BIT(WORK_RESULT) },
    [WORK_READING] = { "reading", BIT(WORK_ASKING) | BIT(WORK_READY) | BIT(WORK_SETTLING) },
    [WORK_READY] = { "ready", BIT(WORK_ASKING) | BIT(WORK_READING) | BIT(WORK_CLAIMING) },
    [WORK_CLAIMING] = { "claiming", BIT(WORK_ASKING) | BIT(WORK_POSTING) },
    [WORK_POSTING] = { "posting", BIT(WORK_POLLING) | BIT(WORK_LOOKING) | BIT(WORK_ENDING) },
    [WORK_POLLING] = { "polling", BIT(WORK_LOOKING) | BIT(WORK_ENDING) | BIT(WORK_ASKING) },
    [WORK_LOOKING] = { "looking", BIT(WORK_POLLING) | BIT(WORK_ENDING) | BIT(WORK_ASKING) },
    [WORK_ENDING] = { "ending", BIT(WORK_ASKING) | BIT(WORK_CHECKING) | BIT(WORK_SETTLING) |
                                    BIT(WORK_RESULT) },
    [WORK_CHECKING] = { "checking", BIT(WORK_SETTLING) | BIT(WORK_ASKING) },
    [WORK_SETTLING] = { "settling", BIT(WORK_RESULT) | BIT(WORK_ASKING) },
    [WORK_RESULT] = { "result", BIT(WORK_ASKING) },
};

void works_init(struct works *w)
{
    for (size_t i = 0; i < WORK_STATES; i++)
        list_init(&w->lists[i]);
    w->index = NULL;
}

const char *work_state_name(enum work_state s)
{
    return states[s].name;
}

struct work *works_find(struct works *w, const struct uuid *request_id)
{
    struct work_index *found;

    HASH_FIND(hh, w->index, request_id, sizeof(*request_id), found);
    return found == NULL ? NULL : &found->work;
}

struct work *works_add(struct works *w, struct req *req)
{
    struct work_index *entry;

    if (works_find(w, &req->id) != NULL)
        return NULL;
    entry = calloc(1, sizeof(*entry));
    if (entry == NULL)
        return NULL;
    entry->work.req = req;
    HASH_ADD_KEYPTR(hh, w->index, &req->id, sizeof(req->id), entry);
    if (entry->hh.tbl == NULL) {
        free(entry);
        return NULL;
    }
    req->work = &entry->work;
    entry->work.state = WORK_ASKING;
    list_push(&w->lists[WORK_ASKING], &entry->work.node);
    return &entry->work;
}

size_t works_n(const struct works *w)
{
    return HASH_COUNT(w->index);
}

size_t works_builds(const struct works *w)
{
    return w->lists[WORK_POSTING].n + w->lists[WORK_POLLING].n + w->lists[WORK_LOOKING].n +
           w->lists[WORK_ENDING].n;
}

void work_enter(struct works *w, struct work *work, enum work_state to)
{
    char id[UUID_TEXT_BYTES];

    if (work->state == to)
        return;
    if ((states[work->state].may_go & BIT(to)) == 0) {
        log_error("work.impossible",
                  LOG_FIELDS(LOG_S("request_id", uuid_format(&work->req->id, id))),
                  "a request cannot go from %s to %s", states[work->state].name, states[to].name);
        abort();
    }
    list_remove(&w->lists[work->state], &work->node);
    work->state = to;
    list_push(&w->lists[to], &work->node);
}

void work_stop(struct work *work)
{
    http_cancel(work->call);
    free(work->call_arg);
    work->call = NULL;
    work->call_arg = NULL;
    if (work->timer != NULL)
        event_timer_stop(work->timer);
    checks_forget(work);
}

void work_forget_facts(struct work *work)
{
    for (size_t i = 0; i < work->groups_n; i++)
        free(work->groups[i]);
    work->groups_n = 0;
    for (size_t i = 0; i < work->paths_n; i++)
        free(work->paths[i]);
    free(work->paths);
    work->paths = NULL;
    work->paths_n = 0;
}

void work_forget_attempt(struct work *work)
{
    struct attempt *a = &work->attempt;

    for (size_t i = 0; i < a->judged_n; i++)
        free(a->judged[i]);
    free(a->cookies);
    tail_done(&a->tail);
    *a = (struct attempt){ 0 };
    work->tries = 0;
    work->unreadable = 0;
    work->lost_since_ms = 0;
}

struct req *works_remove(struct works *w, struct work *work)
{
    struct work_index *entry = (struct work_index *)work;
    struct req *req = work->req;

    list_remove(&w->lists[work->state], &work->node);
    HASH_DEL(w->index, entry);
    work_forget_facts(work);
    work_forget_attempt(work);
    event_timer_free(work->timer);
    free(work->content);
    free(work->access_checks);
    free(entry);
    req->work = NULL;
    return req;
}

void tail_add(struct tail *t, const char *text, size_t len)
{
    char clean[LOG_LINE_MAX_BYTES + 1];
    bool cut = false;
    size_t at = t->n % LOG_TAIL_LINES;

    str_clean_utf8(clean, LOG_LINE_MAX_BYTES, text, len, &cut);
    t->cut |= cut || t->n >= LOG_TAIL_LINES;
    free(t->lines[at]);
    t->lines[at] = str_dup(clean);
    t->n++;
}

void tail_done(struct tail *t)
{
    for (size_t i = 0; i < LOG_TAIL_LINES; i++)
        free(t->lines[i]);
    *t = (struct tail){ 0 };
}

size_t tail_lines(const struct tail *t, const char **out)
{
    size_t kept = t->n < LOG_TAIL_LINES ? t->n : LOG_TAIL_LINES;
    size_t n = 0;

    for (size_t i = t->n - kept; i < t->n; i++)
        if (t->lines[i % LOG_TAIL_LINES] != NULL)
            out[n++] = t->lines[i % LOG_TAIL_LINES];
    return n;
}
