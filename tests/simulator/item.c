#include "tests/simulator/item.h"

#include <string.h>

#include "tests/simulator/draw.h"
#include "tests/simulator/failure.h"

const struct bundle *item_bundle(const struct item *item, int64_t id)
{
    for (size_t i = 0; i < item->bundles_n; i++)
        if (item->bundles[i].id == id)
            return &item->bundles[i];
    return NULL;
}

static void drop_oldest_inactive(struct item *item)
{
    size_t victim = item->bundles[0].id == item->active_bundle ? 1 : 0;

    item->bundles_n--;
    memmove(&item->bundles[victim], &item->bundles[victim + 1],
            (item->bundles_n - victim) * sizeof item->bundles[0]);
}

void item_add_bundle(struct item *item, int64_t id, int64_t created_us)
{
    if (item_bundle(item, id) != NULL)
        return;
    if (item->bundles_n == MAX_BUNDLES)
        drop_oldest_inactive(item);
    item->bundles[item->bundles_n++] = (struct bundle){ id, created_us };
}

bool item_uses_r(const struct item *item)
{
    return item->managed && item->r_version != NULL;
}

bool item_uses_python(const struct item *item)
{
    return item->managed && item->py_version != NULL;
}

static bool drawn(const struct item *item, uint64_t seed, const char *what, double share)
{
    return share > 0 && draw_share(draw_hash(seed, what, draw_hash(0, item->guid, 0)), share);
}

bool item_forbidden(const struct item *item, const struct faults *faults, uint64_t seed)
{
    if (item->overrides.forbidden >= 0)
        return item->overrides.forbidden == 1;
    return drawn(item, seed, "forbidden", faults->forbidden_share);
}

enum access_type item_access(const struct item *item, const struct faults *faults, uint64_t seed)
{
    return item_forbidden(item, faults, seed) ? ACCESS_ACL : item->access;
}

bool item_too_open(const struct item *item, const struct faults *faults, uint64_t seed)
{
    if (item->overrides.too_open >= 0)
        return item->overrides.too_open == 1;
    return drawn(item, seed, "too open", faults->too_open_share);
}

int64_t item_access_status(const struct item *item, const struct faults *faults, uint64_t seed)
{
    if (item->overrides.access_status != 0)
        return item->overrides.access_status;
    return drawn(item, seed, "access", faults->access_fail_share) ? faults->access_fail_status : 0;
}

const struct failure *item_failure(const struct item *item, const struct faults *faults,
                                   uint64_t seed)
{
    const struct overrides *o = &item->overrides;

    if (o->fail_set) {
        bool spent = o->fail_attempts >= 0 && item->builds_n >= (uint64_t)o->fail_attempts;
        return spent ? NULL : o->fail;
    }
    if (drawn(item, seed, "fail", faults->fail_share))
        return failure_find(faults->fail_class);
    if (item->builds_n < (uint64_t)faults->flaky_attempts &&
        drawn(item, seed, "flaky", faults->flaky_share))
        return failure_find(faults->flaky_class);
    return NULL;
}

const char *item_access_name(enum access_type access)
{
    static const char *const names[] = {
        [ACCESS_ALL] = "all",
        [ACCESS_LOGGED_IN] = "logged_in",
        [ACCESS_ACL] = "acl",
    };

    return names[access];
}
