#include "worker/external.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/record/request.h"
#include "worker/ask.h"
#include "worker/external_private.h"
#include "worker/meters.h"
#include "worker/outgoing.h"
#include "worker/results.h"
#include "worker/worker.h"

/* Without memory uthash leaves the entry out and hh.tbl NULL, instead of ending the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define HOLD_MS 60000 /* a request of ours that the ledger does not know is asked about again */
#define TURN_MS 1000  /* another record of the same request is being inserted */

/* One with its place in the index, by id; the others only see what is kept. */
struct external_index {
    struct external e;
    UT_hash_handle hh;
};

struct external *external_find(const struct worker *w, const struct uuid *id)
{
    struct external_index *found;

    HASH_FIND(hh, w->externals.first, id, sizeof(*id), found);
    return found == NULL ? NULL : &found->e;
}

/* What was kept of the record that the work stands for. */
static struct external *find_of(const struct worker *w, const struct work *work)
{
    struct external *e = external_find(w, &work->req->id);

    return e != NULL && e->part == work->req->part && e->offset == work->req->offset ? e : NULL;
}

static void free_entry(struct external_index *entry)
{
    free(entry->e.kept);
    free(entry->e.why);
    free(entry);
}

static void drop(struct worker *w, struct external *e)
{
    struct external_index *entry = (struct external_index *)e;

    HASH_DEL(w->externals.first, entry);
    w->externals.bytes -= e->kept->bytes;
    free_entry(entry);
}

void external_done(struct worker *w)
{
    struct external_index *first = w->externals.first, *entry, *next;

    HASH_CLEAR(hh, w->externals.first); /* the table, not the elements: their list stays */
    for (entry = first; entry != NULL; entry = next) {
        next = entry->hh.next;
        free_entry(entry);
    }
    w->externals.bytes = 0;
}

static int keep(struct worker *w, const struct req *req, const struct kafka_record *record,
                const char *why)
{
    struct external_index *entry = calloc(1, sizeof(*entry));
    struct external *e;

    if (entry == NULL)
        return -1;
    e = &entry->e;
    e->id = req->id;
    e->part = req->part;
    e->offset = req->offset;
    e->kept = kept_record_new(record, req->part->topic);
    e->why = str_dup(why);
    if (e->kept == NULL || (why != NULL && e->why == NULL)) {
        free_entry(entry);
        return -1;
    }
    HASH_ADD(hh, w->externals.first, e.id, sizeof(e->id), entry);
    if (entry->hh.tbl == NULL) {
        free_entry(entry);
        return -1;
    }
    w->externals.bytes += e->kept->bytes;
    return 0;
}

int external_note(struct worker *w, const struct req *req, const struct request *request,
                  const struct kafka_record *record)
{
    if (request->source != NULL && strcmp(request->source, w->source) == 0)
        return 0;
    return external_find(w, &req->id) != NULL ? 0 : keep(w, req, record, NULL);
}

int external_note_broken(struct worker *w, const struct req *req, const struct kafka_record *record,
                         const struct err *why)
{
    if (external_find(w, &req->id) != NULL || works_find(&w->works, &req->id) != NULL)
        return 1;
    return keep(w, req, record, why->msg);
}

bool external_full(const struct worker *w, int lane)
{
    size_t most = EXTERNAL_MAX_BYTES;

    return w->externals.bytes >= (lane == 0 ? most : 2 * most);
}

bool external_roomy(const struct worker *w)
{
    return w->externals.bytes <= EXTERNAL_MAX_BYTES / 2;
}

/* ---- dead letters ---- */

static struct dead_letter_why why_of(const char *stage, const char *why)
{
    return (
        struct dead_letter_why){ .error_class = "request.invalid", .stage = stage, .message = why };
}

void external_refuse(struct worker *w, struct work *work, const char *stage, const char *why)
{
    struct external *e = find_of(w, work);
    const struct dead_letter_why reason = why_of(stage, why);

    log_warn("request.rejected",
             LOG_FIELDS(LOG_S("topic", work->req->part->topic),
                        LOG_I("partition", work->req->part->partition),
                        LOG_I("offset", work->req->offset)),
             "a record goes to the dead letters: %s", why);
    meters_rejected(w, "request.invalid");
    if (part_holds(work->req))
        results_dead_letter(w, work->req->part, &e->kept->record, &reason);
    drop(w, e);
    ask_forget(w, work, 0);
}

struct outgoing *external_letter(struct worker *w, const struct work *work, bool *ret_failed)
{
    struct external *e = find_of(w, work);
    struct outgoing *letter;
    struct dead_letter_why reason;

    *ret_failed = false;
    if (e == NULL || e->why == NULL)
        return NULL;
    reason = why_of("decode", e->why);
    letter = outgoing_dead_letter(work->req->part, &e->kept->record, &reason, w->topics.dlq, w->id);
    *ret_failed = letter == NULL;
    meters_rejected(w, reason.error_class);
    meters_dead_letter(w, reason.error_class);
    drop(w, e);
    return letter;
}

/* ---- questions ---- */

bool external_known(struct worker *w, struct work *work)
{
    struct external *e = find_of(w, work);
    const struct item_facts *f = &work->facts;

    if (e == NULL || e->inserting)
        return false;
    if (e->why == NULL) {
        drop(w, e);
        return false;
    }
    if (f->state == ITEM_REJECTED && f->placed && f->place_mine && !f->published)
        return false; /* its own item: the letter goes with the result */
    external_refuse(w, work, "decode", e->why);
    return true;
}

static void hold_ours(struct worker *w, struct work *work)
{
    char id[UUID_TEXT_BYTES];

    log_error("request.unknown",
              LOG_FIELDS(LOG_S("request_id", uuid_format(&work->req->id, id)),
                         LOG_S("topic", work->req->part->topic),
                         LOG_I("partition", work->req->part->partition),
                         LOG_I("offset", work->req->offset)),
              "the ledger does not know this request of ours; it is held, not built");
    ask_wait(w, work, WAIT_DUE, "", HOLD_MS);
}

void external_ask(struct worker *w, struct work *work)
{
    struct external *e = find_of(w, work);

    if (e == NULL && external_find(w, &work->req->id) != NULL) {
        ask_wait(w, work, WAIT_DUE, "", TURN_MS);
    } else if (e == NULL) {
        hold_ours(w, work);
    } else if (e->inserted) {
        external_refuse(w, work, "insert",
                        "its campaign is one of this installation's own, which takes no requests "
                        "of others");
    } else {
        work->taking = true; /* not asked about until it is inserted */
        external_insert(w, e, work);
    }
}
