#ifndef SIMULATOR_ADMIN_ITEM_H
#define SIMULATOR_ADMIN_ITEM_H

#include <stdbool.h>
#include <stddef.h>

struct cJSON;
struct item;

/* bundle_id activates a bundle (null unpublishes), upload adds a newer inactive one; fail is a
 * failure class (null: every build succeeds) and fail_attempts bounds it to the next builds (-1:
 * all); null gives forbidden and too_open back to the faults, -1 does so for build_ms and 0 for
 * access_status. */
#define ADMIN_ITEM_MEMBERS                                                                     \
    "fail, fail_attempts, build_ms, access_type, access_status, forbidden, too_open, locked, " \
    "managed, deleted, bundle_id, upload, app_mode, title, r_version, py_version, hostile"

/* Applies every member of changes to the item, or none; error is a sentence then. */
bool admin_item_change(struct item *item, const struct cJSON *changes, char *error,
                       size_t error_size);

struct cJSON *admin_item_to_json(const struct item *item); /* caller deletes */

#endif
