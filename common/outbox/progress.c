#include "common/outbox/progress.h"

#include <stdlib.h>

#include "common/ledger/array.h"

#define FIRST_ENTRIES 256

enum fate { FATE_PENDING, FATE_DELIVERED, FATE_FAILED };

struct outbox_entry {
    struct outbox_item item;
    enum fate fate;
};

void progress_open(struct outbox_progress *p, int64_t cursor)
{
    *p = (struct outbox_progress){ .cursor = cursor };
}

void progress_done(struct outbox_progress *p)
{
    free(p->entries);
    free(p->last);
    *p = (struct outbox_progress){ 0 };
}

static struct outbox_entry *add_entry(struct outbox_progress *p, const struct outbox_item *item)
{
    if (p->n == p->cap) {
        size_t cap = p->cap > 0 ? p->cap * 2 : FIRST_ENTRIES;
        struct outbox_entry *grown = reallocarray(p->entries, cap, sizeof(*grown));

        if (grown == NULL)
            return NULL;
        p->entries = grown;
        p->cap = cap;
    }
    p->entries[p->n].item = *item;
    return &p->entries[p->n++];
}

int progress_add(struct outbox_progress *p, const struct outbox_item *item, uint64_t *ret_ticket)
{
    struct outbox_entry *entry = add_entry(p, item);

    if (entry == NULL)
        return -1;
    entry->fate = FATE_PENDING;
    p->pending++;
    *ret_ticket = p->n - 1;
    return 0;
}

int progress_skip(struct outbox_progress *p, const struct outbox_item *item)
{
    struct outbox_entry *entry = add_entry(p, item);

    if (entry == NULL)
        return -1;
    entry->fate = FATE_DELIVERED;
    return 0;
}

/* Without memory the old last offset stays: `lost` is then found later, never wrongly. */
static void raise_last(struct outbox_progress *p, int32_t partition, int64_t offset)
{
    size_t at = (size_t)partition;

    if (partition < 0 || partition >= OUTBOX_PARTITIONS_MAX)
        return;
    if (at >= p->last_n) {
        int64_t *grown = reallocarray(p->last, at + 1, sizeof(*grown));

        if (grown == NULL)
            return;
        for (size_t i = p->last_n; i <= at; i++)
            grown[i] = -1;
        p->last = grown;
        p->last_n = at + 1;
    }
    if (offset > p->last[at])
        p->last[at] = offset;
}

void progress_report(struct outbox_progress *p, uint64_t ticket, int32_t partition, int64_t offset)
{
    struct outbox_entry *entry = ticket < p->n ? &p->entries[ticket] : NULL;

    if (entry == NULL || entry->fate != FATE_PENDING)
        return;
    p->pending--;
    entry->fate = offset >= 0 ? FATE_DELIVERED : FATE_FAILED;
    if (offset < 0)
        return;
    p->delivered++;
    p->marks += entry->item.unsent;
    if (entry->item.of_campaign)
        raise_last(p, partition, offset);
}

int64_t progress_cursor(const struct outbox_progress *p)
{
    int64_t cursor = p->cursor;

    for (size_t i = 0; i < p->n; i++) {
        const struct outbox_entry *entry = &p->entries[i];

        if (entry->item.unsent)
            continue;
        if (entry->fate != FATE_DELIVERED)
            break;
        if (entry->item.rank > cursor)
            cursor = entry->item.rank;
    }
    return cursor;
}

void progress_put_sent(const struct outbox_progress *p, struct buf *out)
{
    char text[UUID_TEXT_BYTES];

    array_open(out);
    for (size_t i = 0; i < p->n; i++) {
        const struct outbox_entry *entry = &p->entries[i];

        if (entry->item.unsent && entry->fate == FATE_DELIVERED)
            array_add(out, uuid_format(&entry->item.id, text));
    }
    array_close(out);
}

void progress_put_last(const struct outbox_progress *p, struct buf *out)
{
    array_open(out);
    for (size_t i = 0; i < p->last_n; i++)
        array_add_int(out, p->last[i]);
    array_close(out);
}
