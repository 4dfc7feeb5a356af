#ifndef SIMULATOR_ADMIN_ITEM_H
#define SIMULATOR_ADMIN_ITEM_H

#include <stdbool.h>
#include <stddef.h>

struct cJSON;
struct item;

/* Applies every member of changes to the item, or none; error is a sentence then. Members:
 *   fail (class or null: always succeed), fail_attempts, build_ms, access_type, access_status,
 *   forbidden, too_open, locked, managed, deleted, bundle_id (activates; null unpublishes),
 *   upload (a newer, inactive bundle), app_mode, title, r_version, py_version (null: none) */
bool admin_item_change(struct item *item, const struct cJSON *changes, char *error,
                       size_t error_size);

struct cJSON *admin_item_to_json(const struct item *item);  /* caller deletes */

#endif
