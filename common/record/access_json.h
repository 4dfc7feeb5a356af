/* The access checks inside a result. Private to common/record. */
#ifndef COMMON_RECORD_ACCESS_JSON_H
#define COMMON_RECORD_ACCESS_JSON_H

#include "common/record/json_out.h"
#include "common/record/result.h"

#define RESULT_CHECKS_MAX 64 /* twice what ACCESS_PATHS_MAX allows; more are not written */

void access_checks_put(struct json_out *o, const char *name, const struct result *r,
                       size_t text_max);

#endif
