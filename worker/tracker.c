#include "worker/tracker.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/limits.h"
#include "worker/donemap.h"

/* No log is that long; above it the window's end would not be an int64_t any more. */
#define OFFSET_MAX (INT64_MAX - WINDOW_OFFSETS)

struct tracker {
    int64_t base;
    int64_t next; /* never below base */
    int64_t held; /* the first record that was BEYOND and did not come again; below next: none */
    int64_t high; /* highest offset ever known done + 1; of use while gap > 0 */
    size_t gap;   /* bits that are set */
    bool dirty;
    /* Offset o is bit o % WINDOW_OFFSETS. Bits are set within [base, base + window) only, never the
     * base's own. */
    uint8_t ring[DONEMAP_BITMAP_BYTES];
};

static bool bit_get(const struct tracker *t, int64_t offset)
{
    size_t bit = (size_t)(offset % WINDOW_OFFSETS);

    return (t->ring[bit / 8] >> bit % 8 & 1) != 0;
}

static void bit_set(struct tracker *t, int64_t offset)
{
    size_t bit = (size_t)(offset % WINDOW_OFFSETS);

    t->ring[bit / 8] = (uint8_t)(t->ring[bit / 8] | 1u << bit % 8);
    t->gap++;
}

static void bit_clear(struct tracker *t, int64_t offset)
{
    size_t bit = (size_t)(offset % WINDOW_OFFSETS);

    t->ring[bit / 8] = (uint8_t)(t->ring[bit / 8] & ~(1u << bit % 8));
    t->gap--;
}

static int load_map(struct tracker *t, const char *metadata, struct err *err)
{
    uint8_t bitmap[DONEMAP_BITMAP_BYTES];
    int64_t base;
    size_t bits;

    if (donemap_decode(metadata, &base, bitmap, &bits, err) != 0)
        return -1;
    if (base != t->base)
        return err_set(err, ERR_INPUT,
                       "the done map is for base %" PRId64 ", the committed offset is %" PRId64,
                       base, t->base);
    for (size_t i = 0; i < bits; i++) {
        if ((bitmap[i / 8] >> i % 8 & 1) != 0)
            bit_set(t, base + (int64_t)i);
    }
    t->high = base + (int64_t)bits;
    return 0;
}

struct tracker *tracker_new(int64_t base, const char *metadata, struct err *err)
{
    struct tracker *t;

    if (base < 0 || base > OFFSET_MAX) {
        err_set(err, ERR_INPUT, "the committed offset %" PRId64 " is no offset of a log", base);
        return NULL;
    }
    t = calloc(1, sizeof(*t));
    if (t == NULL) {
        err_set(err, ERR_INTERNAL, "no memory for the window of a partition");
        return NULL;
    }
    t->base = t->next = base;
    t->held = -1;
    if (metadata != NULL && metadata[0] != '\0' && load_map(t, metadata, err) != 0) {
        free(t);
        return NULL;
    }
    return t;
}

void tracker_free(struct tracker *t)
{
    free(t);
}

bool tracker_holds(const struct tracker *t, int64_t offset)
{
    return offset >= t->base && offset <= OFFSET_MAX && offset - t->base < WINDOW_OFFSETS;
}

bool tracker_is_done(const struct tracker *t, int64_t offset)
{
    return offset < t->base || (tracker_holds(t, offset) && bit_get(t, offset));
}

void tracker_done(struct tracker *t, int64_t offset)
{
    if (!tracker_holds(t, offset) || bit_get(t, offset))
        return;
    bit_set(t, offset);
    t->dirty = true;
    if (offset >= t->high)
        t->high = offset + 1;
    while (t->gap > 0 && bit_get(t, t->base)) {
        bit_clear(t, t->base);
        t->base++;
    }
    if (t->next < t->base)
        t->next = t->base;
}

/* The log has no records in [next, offset): they are done, as far as the window reaches. */
static void skip_to(struct tracker *t, int64_t offset)
{
    while (t->next < offset && tracker_holds(t, t->next)) {
        if (t->base == t->next && t->gap == 0) { /* nothing to remember: a long gap in one step */
            t->base = t->next = offset;
            t->dirty = true;
            return;
        }
        tracker_done(t, t->next++);
    }
}

void tracker_trimmed(struct tracker *t, int64_t low, const int64_t *owed, size_t n)
{
    while (n > 0 && t->next < low && tracker_holds(t, t->next)) {
        int64_t offset = t->next++;
        bool gone = true;

        for (size_t i = 0; i < n && gone; i++)
            gone = owed[i] != offset;
        if (gone)
            tracker_done(t, offset);
    }
    if (n == 0)
        skip_to(t, low);
}

enum tracker_take tracker_record(struct tracker *t, int64_t offset)
{
    if (offset < t->next)
        return TRACKER_DONE;
    /* A record behind one that is held back does not say that the log skipped that one. */
    if (offset > OFFSET_MAX || (t->held >= t->next && offset > t->held))
        return TRACKER_BEYOND;
    skip_to(t, offset);
    /* Done ones that a moving base passed: the record may be among them. */
    if (offset < t->next)
        return TRACKER_DONE;
    if (!tracker_holds(t, offset)) {
        t->held = offset;
        return TRACKER_BEYOND;
    }
    t->next = offset + 1;
    return bit_get(t, offset) ? TRACKER_DONE : TRACKER_NEW;
}

int64_t tracker_base(const struct tracker *t)
{
    return t->base;
}

int64_t tracker_next(const struct tracker *t)
{
    return t->next;
}

int64_t tracker_reach(const struct tracker *t)
{
    return t->gap > 0 ? t->high : t->base;
}

size_t tracker_gap(const struct tracker *t)
{
    return t->gap;
}

bool tracker_full(const struct tracker *t)
{
    return t->next - t->base >= WINDOW_OFFSETS;
}

bool tracker_roomy(const struct tracker *t)
{
    return t->next - t->base <= WINDOW_OFFSETS / 2;
}

bool tracker_dirty(const struct tracker *t)
{
    return t->dirty;
}

void tracker_mark_dirty(struct tracker *t)
{
    t->dirty = true;
}

/* The ring, turned so that bit 0 is the base. The window has whole bytes, so a byte of the result
 * is made of two neighbours in the ring. */
static void unroll(const struct tracker *t, uint8_t *bitmap, size_t bytes)
{
    size_t start = (size_t)(t->base % WINDOW_OFFSETS);
    unsigned shift = (unsigned)(start % 8);

    for (size_t i = 0; i < bytes; i++) {
        size_t at = (start / 8 + i) % DONEMAP_BITMAP_BYTES;
        unsigned low = t->ring[at];
        unsigned high = t->ring[(at + 1) % DONEMAP_BITMAP_BYTES];

        bitmap[i] = (uint8_t)((low | high << 8) >> shift);
    }
}

int64_t tracker_commit_text(struct tracker *t, char *out)
{
    uint8_t bitmap[DONEMAP_BITMAP_BYTES];
    size_t bits = t->gap > 0 ? (size_t)(t->high - t->base) : 0;

    out[0] = '\0';
    if (bits > 0) {
        unroll(t, bitmap, (bits + 7) / 8);
        donemap_encode(t->base, bitmap, bits, out);
    }
    t->dirty = false;
    return t->base;
}
