#include "tests/simulator/catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "tests/simulator/clock.h"
#include "tests/simulator/draw.h"
#include "tests/simulator/memory.h"

#define DAY_US          (INT64_C(86400) * US_PER_SECOND)
#define OLDEST_DAYS     900 /* content is created within this time before LATEST_US */
#define LATEST_US       (INT64_C(1748736000) * US_PER_SECOND) /* June 2025: the same on every run */
#define FIRST_BUNDLE_ID 101  /* so that bundle ids and content ids differ */
#define IDS_PER_ITEM    4    /* bundle ids that each item keeps for itself */
#define MIXED_SHARE     0.25 /* quarto documents that use Python besides R */
#define TAG_SHARE       0.2  /* items that carry any one tag */

struct entry {
    struct item item;
    UT_hash_handle by_guid;
    UT_hash_handle by_vanity;
};

struct catalog {
    struct entry *entries;
    struct item **by_deployment; /* newest first */
    size_t n;
    struct entry *guids;
    struct entry *vanities;
    struct user users[CATALOG_USERS_N];
};

static const char *const r_versions[] = { "4.3.3", "4.4.2", "4.2.3", "4.1.3", "4.5.1",
                                          "4.0.5", "3.6.3", "4.4.1", "4.3.1" };
static const char *const py_versions[] = { "3.11.7", "3.12.4", "3.10.13", "3.9.18", "3.13.1",
                                           "3.8.18", "3.11.9", "3.12.1",  "3.10.11" };
static const char *const quarto_versions[] = { "1.4.557", "1.5.57" };
static const char *const categories[] = { "", "plot", "pin", "site" };
static const char *const subjects[] = { "Sales", "Claims",    "Capacity", "Churn",     "Enrolment",
                                        "Risk",  "Stability", "Forecast", "Inventory", "Cohort" };
static const char *const forms[] = { "dashboard", "report", "explorer", "model", "monitor" };
static const char *const tags[CATALOG_TAGS_N] = { "finance", "research", "clinical",
                                                  "weekly",  "critical", "archive" };

static const struct user people[CATALOG_USERS_N] = {
    { "", "admin", "Ada", "Admin" },    { "", "bella", "Bella", "Bianchi" },
    { "", "chen", "Chen", "Cheng" },    { "", "dora", "Dora", "Dvorak" },
    { "", "emeka", "Emeka", "Eze" },    { "", "fatima", "Fatima", "Farouk" },
    { "", "goran", "Goran", "Gudelj" },
};

#define PICK(list, hash) ((list)[draw_below(hash, sizeof(list) / sizeof((list)[0]))])

static uint64_t drawn(const struct options *options, const struct item *item, const char *what)
{
    return draw_hash((uint64_t)options->seed, what, item->index);
}

static const struct mode *choose_mode(const struct options *options, const struct item *item)
{
    if (draw_share(drawn(options, item, "static"), options->static_share))
        return mode_static();
    uint64_t h = drawn(options, item, "mode");
    if (options->modes_n == 0)
        return mode_drawn(draw_unit(h));
    const char *name = options->modes[draw_below(h, options->modes_n)];
    return mode_find(name, strlen(name));
}

static void choose_runtimes(const struct options *options, struct item *item)
{
    bool mixed = item->mode->quarto && draw_share(drawn(options, item, "mixed"), MIXED_SHARE);
    size_t r = draw_below(drawn(options, item, "r"), (size_t)options->r_versions_n);
    size_t python = draw_below(drawn(options, item, "python"), (size_t)options->py_versions_n);

    item->r_version = item->mode->r ? r_versions[r] : NULL;
    item->py_version = item->mode->python || mixed ? py_versions[python] : NULL;
    item->quarto_version =
        item->mode->quarto ? PICK(quarto_versions, drawn(options, item, "quarto")) : NULL;
    item->managed = !draw_share(drawn(options, item, "unmanaged"), options->unmanaged_share);
    if (options->images_n > 0 && (item->mode->r || item->mode->python))
        snprintf(item->image, sizeof item->image, "registry.example.com/content:2025.%zu",
                 1 + draw_below(drawn(options, item, "image"), (size_t)options->images_n));
}

static void choose_names(const struct options *options, struct item *item)
{
    const char *subject = PICK(subjects, drawn(options, item, "subject"));
    const char *form = PICK(forms, drawn(options, item, "form"));

    draw_guid(drawn(options, item, "guid"), item->guid);
    snprintf(item->name, sizeof item->name, "%s-%s-%zu", subject, form, item->index + 1);
    snprintf(item->title, sizeof item->title, "%s %s %zu", subject, form, item->index + 1);
    if (draw_share(drawn(options, item, "vanity"), options->vanity_share))
        snprintf(item->vanity, sizeof item->vanity, "/reports/%zu/", item->index + 1);
    item->category =
        item->mode->kind == MODE_STATIC ? PICK(categories, drawn(options, item, "category")) : "";
    for (unsigned t = 0; t < CATALOG_TAGS_N; t++)
        if (draw_share(drawn(options, item, tags[t]), TAG_SHARE))
            item->tags |= 1u << t;
}

static void choose_bundles(const struct options *options, struct item *item)
{
    int64_t id = FIRST_BUNDLE_ID + (int64_t)item->index * IDS_PER_ITEM;

    if (draw_share(drawn(options, item, "unpublished"), options->unpublished_share))
        return;
    if (draw_share(drawn(options, item, "older"), 0.5))
        item_add_bundle(item, id, item->created_us);
    item_add_bundle(item, id + 1, item->deployed_us);
    item->active_bundle = id + 1;
    if (draw_share(drawn(options, item, "draft"), options->draft_share))
        item_add_bundle(item, id + 2, item->deployed_us + DAY_US / 24);
}

static void make_item(const struct options *options, struct item *item)
{
    size_t age_days = 1 + draw_below(drawn(options, item, "age"), OLDEST_DAYS);
    int64_t age_us = (int64_t)age_days * DAY_US;
    double since = draw_unit(drawn(options, item, "deployed"));

    item->mode = choose_mode(options, item);
    choose_runtimes(options, item);
    choose_names(options, item);
    item->created_us = LATEST_US - age_us;
    item->deployed_us = item->created_us + (int64_t)(since * (double)age_us);
    item->deployed_us -= item->deployed_us % US_PER_SECOND;
    choose_bundles(options, item);
    item->owner = draw_below(drawn(options, item, "owner"), CATALOG_USERS_N);
    item->access = (enum access_type)draw_below(drawn(options, item, "access"), 3);
    item->locked = draw_share(drawn(options, item, "locked"), options->locked_share);
    item->overrides =
        (struct overrides){ .fail_attempts = -1, .build_ms = -1, .forbidden = -1, .too_open = -1 };
}

static int newest_deployment_first(const void *a, const void *b)
{
    const struct item *x = *(struct item *const *)a;
    const struct item *y = *(struct item *const *)b;

    if (x->deployed_us != y->deployed_us)
        return x->deployed_us < y->deployed_us ? 1 : -1;
    return x->index < y->index ? -1 : 1;
}

static void make_users(const struct options *options, struct catalog *catalog)
{
    for (size_t i = 0; i < CATALOG_USERS_N; i++) {
        catalog->users[i] = people[i];
        draw_guid(draw_hash((uint64_t)options->seed, "user", i), catalog->users[i].guid);
    }
}

struct catalog *catalog_new(const struct options *options)
{
    struct catalog *catalog = memory_zeroed(1, sizeof *catalog);

    catalog->n = (size_t)options->items_n;
    catalog->entries = memory_zeroed(catalog->n, sizeof *catalog->entries);
    catalog->by_deployment = memory_zeroed(catalog->n, sizeof *catalog->by_deployment);
    make_users(options, catalog);
    for (size_t i = 0; i < catalog->n; i++) {
        struct entry *entry = &catalog->entries[i];
        entry->item.index = i;
        make_item(options, &entry->item);
        catalog->by_deployment[i] = &entry->item;
        HASH_ADD(by_guid, catalog->guids, item.guid, GUID_BYTES - 1, entry);
        if (entry->item.vanity[0] != '\0')
            HASH_ADD_KEYPTR(by_vanity, catalog->vanities, entry->item.vanity,
                            strlen(entry->item.vanity), entry);
    }
    qsort(catalog->by_deployment, catalog->n, sizeof(struct item *), newest_deployment_first);
    return catalog;
}

void catalog_free(struct catalog *catalog)
{
    if (catalog == NULL)
        return;
    HASH_CLEAR(by_guid, catalog->guids);
    HASH_CLEAR(by_vanity, catalog->vanities);
    free(catalog->by_deployment);
    free(catalog->entries);
    free(catalog);
}

size_t catalog_count(const struct catalog *catalog)
{
    return catalog->n;
}

struct item *catalog_at(const struct catalog *catalog, size_t place)
{
    return catalog->by_deployment[place];
}

struct item *catalog_find_any(const struct catalog *catalog, const char *guid)
{
    struct entry *entry = NULL;

    HASH_FIND(by_guid, catalog->guids, guid, strlen(guid), entry);
    return entry == NULL ? NULL : &entry->item;
}

struct item *catalog_find(const struct catalog *catalog, const char *guid)
{
    struct item *item = catalog_find_any(catalog, guid);

    return item == NULL || item->deleted ? NULL : item;
}

struct item *catalog_find_vanity(const struct catalog *catalog, const char *path)
{
    struct entry *entry = NULL;

    HASH_FIND(by_vanity, catalog->vanities, path, strlen(path), entry);
    return entry == NULL || entry->item.deleted ? NULL : &entry->item;
}

const struct user *catalog_user(const struct catalog *catalog, size_t index)
{
    return &catalog->users[index];
}

const char *catalog_tag(size_t index)
{
    return tags[index];
}

static const char *find_version(const char *const *list, size_t n, const char *version)
{
    for (size_t i = 0; i < n && version != NULL; i++)
        if (strcmp(list[i], version) == 0)
            return list[i];
    return NULL;
}

const char *catalog_r_version(const char *version)
{
    return find_version(r_versions, sizeof r_versions / sizeof r_versions[0], version);
}

const char *catalog_py_version(const char *version)
{
    return find_version(py_versions, sizeof py_versions / sizeof py_versions[0], version);
}
