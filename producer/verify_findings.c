#include <stdlib.h>

#include "producer/verify.h"

#define FIRST 16

const char *const verify_kind_names[VERIFY_KINDS] = {
    "missing", "twice", "contradicts", "no_item", "invalid",
};

/* Room is made as it is needed: most audits find nothing. */
static bool make_room(struct verify_findings *f)
{
    struct verify_finding *list;
    bool full = f->n == 0 || (f->n >= FIRST && (f->n & (f->n - 1)) == 0);

    if (!full)
        return true;
    list = reallocarray(f->list, f->n == 0 ? FIRST : 2 * f->n, sizeof(*list));
    if (list == NULL)
        return false;
    f->list = list;
    return true;
}

bool verify_findings_add(struct verify_findings *f, const struct verify_finding *finding)
{
    f->of_kind[finding->kind]++;
    if (f->n >= f->max)
        return true;
    if (!make_room(f))
        return false;
    f->list[f->n++] = *finding;
    return true;
}

int64_t verify_findings_total(const struct verify_findings *f)
{
    int64_t total = 0;

    for (size_t i = 0; i < VERIFY_KINDS; i++)
        total += f->of_kind[i];
    return total;
}

void verify_findings_done(struct verify_findings *f)
{
    free(f->list);
    *f = (struct verify_findings){ .n = 0 };
}
