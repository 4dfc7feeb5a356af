/* The audit of the result topic against the ledger, in parts: what is remembered of each item
 * (verify_items.c, pure), what is found (verify_findings.c, pure), one record by itself
 * (verify_record.c, pure), the ledger's side (verify_ledger.c), and how it is told
 * (verify_print.c). results_verify.c puts them together.
 *
 * The ledger is read before the topic's end is asked for. An item that is marked as published then
 * has its result in what is read; whatever came later is looked up again, by its key. */
#ifndef PRODUCER_VERIFY_H
#define PRODUCER_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/uuid.h"
#include "common/broker/consumer.h"
#include "common/record/result.h"
#include "producer/verb.h"

#define VERIFY_ITEM_BYTES 40       /* of memory for each item that is compared */
#define VERIFY_ITEMS_MAX  10000000 /* 400 MB; more are compared by campaign, or with --since */
/* Clocks of workers, brokers and PostgreSQL may differ by this much. */
#define VERIFY_CLOCKS_MS      600000
#define VERIFY_FINDINGS_SHOWN 100 /* unless --limit says otherwise */
#define VERIFY_ASK            512 /* results looked up by one statement */

/* ---- what must be equal ---- */

/* What a result says, or what the ledger says of its item; texts are borrowed and not NULL. */
struct verify_fact {
    struct uuid request;
    const char *campaign, *guid;
    const char *outcome; /* or state */
    const char *bundle, *built;
    int attempt;
};
uint64_t verify_digest(const struct verify_fact *f);
/* false, and a clause about each that differs. */
bool verify_equal(const struct verify_fact *ledger, const struct verify_fact *result, char *why,
                  size_t why_bytes);

/* ---- items ---- */

struct verify_item {
    struct uuid id;
    uint64_t digest;
    int64_t offset;     /* of its first result */
    uint32_t ended_s;   /* Unix time; 0: it has not ended */
    uint16_t partition; /* of its first result; before that, where one must be */
    bool published : 1;
    bool broken : 1; /* an invalid result of it was read, which is a finding already */
    uint8_t seen;    /* results; stops at 255 */
};
_Static_assert(sizeof(struct verify_item) == VERIFY_ITEM_BYTES, "what the manual says");

struct verify_items {
    struct verify_item *list;
    size_t n, cap;
};
bool verify_items_reserve(struct verify_items *v, size_t n); /* false: no memory */
bool verify_items_add(struct verify_items *v, const struct verify_item *item);
void verify_items_sort(struct verify_items *v); /* before the first find */
struct verify_item *verify_items_find(const struct verify_items *v, const struct uuid *id);
void verify_items_done(struct verify_items *v);

/* ---- findings ---- */

enum verify_kind {
    VERIFY_MISSING,
    VERIFY_TWICE,
    VERIFY_CONTRADICTS,
    VERIFY_NO_ITEM,
    VERIFY_INVALID,
    VERIFY_KINDS
};
extern const char *const verify_kind_names[VERIFY_KINDS];

struct verify_finding {
    enum verify_kind kind;
    struct uuid request, campaign; /* nil: not known */
    char guid[UUID_TEXT_BYTES];    /* "": not known */
    int32_t partition;             /* -1: no record */
    int64_t offset;
    char why[320];
};

struct verify_findings {
    struct verify_finding *list;
    size_t n, max; /* more than max are counted only */
    int64_t of_kind[VERIFY_KINDS];
};
/* Takes a copy if there is room. false: no memory. */
bool verify_findings_add(struct verify_findings *f, const struct verify_finding *finding);
int64_t verify_findings_total(const struct verify_findings *f);
void verify_findings_done(struct verify_findings *f);

/* ---- one record ---- */

/* The body fits the schema, and headers and key say the same. *ret as result_check leaves it. */
int verify_record(const struct kafka_record *record, struct result_brief *ret, struct err *err);

/* ---- the whole ---- */

struct verify_counts {
    int64_t published, open, unmarked, beyond;              /* items */
    int64_t read, matched, pruned, foreign, earlier, other; /* results */
};

struct verify_question { /* a result that the remembered items do not settle */
    struct uuid request, campaign;
    char guid[UUID_TEXT_BYTES], outcome[32], bundle[64], built[64];
    int attempt;
    int32_t partition;
    int64_t offset;
};

struct reader;

struct verify {
    struct call *call;
    const char *campaign; /* id; NULL: all */
    struct uuid campaign_id;
    int64_t since_ms; /* 0: all */
    char source[TEXT_FIELD_MAX_BYTES + 1];
    struct verify_items items;
    struct verify_findings findings;
    struct verify_counts counts;
    struct verify_question *questions; /* VERIFY_ASK */
    size_t questions_n;
    int partitions; /* of the topic */
    bool regrouped; /* it has more than it was made with: keys have moved */
    struct reader *reader;
    int64_t *oldest_ms; /* of each partition: time of its oldest record; 0: nothing was deleted */
};

/* Called for every page, with how many of how many items were read. */
typedef void verify_progress_fn(struct verify *v, int64_t done, int64_t total);
int verify_load(struct verify *v, verify_progress_fn *progress, struct err *err);
/* Asks the ledger about the questions, settles each, and forgets them. */
int verify_settle(struct verify *v, struct err *err);
/* Fills in guid, campaign and reason of the findings that lack them: those of what is missing. */
int verify_name_missing(struct verify *v, struct err *err);
int verify_print(const struct verify *v, struct err *err);

#endif
