#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "producer/verify.h"

#define FACT_BYTES 512

/* The first half of a SHA-1 of all that must be equal: to be found by chance, it is too long. */
uint64_t verify_digest(const struct verify_fact *f)
{
    char text[FACT_BYTES];
    struct uuid digest;
    uint64_t ret;

    snprintf(text, sizeof(text), "%s\n%s\n%s\n%s\n%s\n%d", f->campaign, f->guid, f->outcome,
             f->bundle, f->built, f->attempt);
    digest = uuid_v5(&f->request, text);
    memcpy(&ret, digest.b, sizeof(ret));
    return ret;
}

static size_t add_difference(char *why, size_t why_bytes, const char *name, const char *result,
                             const char *ledger)
{
    size_t used = strlen(why);

    if (strcmp(ledger, result) == 0 || used >= why_bytes)
        return 0;
    snprintf(why + used, why_bytes - used, "%s%s is \"%.60s\", in the ledger \"%.60s\"",
             used == 0 ? "" : "; ", name, result, ledger);
    return 1;
}

bool verify_equal(const struct verify_fact *ledger, const struct verify_fact *result, char *why,
                  size_t why_bytes)
{
    char is[16], was[16];
    size_t n = 0;

    why[0] = '\0';
    snprintf(is, sizeof(is), "%d", result->attempt);
    snprintf(was, sizeof(was), "%d", ledger->attempt);
    n += add_difference(why, why_bytes, "outcome", result->outcome, ledger->outcome);
    n += add_difference(why, why_bytes, "attempt", is, was);
    n += add_difference(why, why_bytes, "campaign", result->campaign, ledger->campaign);
    n += add_difference(why, why_bytes, "content", result->guid, ledger->guid);
    n += add_difference(why, why_bytes, "bundle asked for", result->bundle, ledger->bundle);
    n += add_difference(why, why_bytes, "bundle built", result->built, ledger->built);
    return n == 0;
}

/* ---- the list ---- */

bool verify_items_reserve(struct verify_items *v, size_t n)
{
    struct verify_item *list;

    if (n <= v->cap)
        return true;
    list = reallocarray(v->list, n, sizeof(*list));
    if (list == NULL)
        return false;
    v->list = list;
    v->cap = n;
    return true;
}

bool verify_items_add(struct verify_items *v, const struct verify_item *item)
{
    if (v->n == v->cap && !verify_items_reserve(v, v->cap + v->cap / 8 + 1024))
        return false;
    v->list[v->n++] = *item;
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct verify_item *x = a, *y = b;

    return memcmp(x->id.b, y->id.b, sizeof(x->id.b));
}

void verify_items_sort(struct verify_items *v)
{
    if (v->n > 1)
        qsort(v->list, v->n, sizeof(*v->list), compare);
}

struct verify_item *verify_items_find(const struct verify_items *v, const struct uuid *id)
{
    const struct verify_item key = { .id = *id };

    return v->n == 0 ? NULL : bsearch(&key, v->list, v->n, sizeof(*v->list), compare);
}

void verify_items_done(struct verify_items *v)
{
    free(v->list);
    *v = (struct verify_items){ .n = 0 };
}
