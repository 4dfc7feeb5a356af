/* A result that is parsed: what result_read.c and result_check.c share. Private to common/record.
 */
#ifndef COMMON_RECORD_RESULT_JSON_H
#define COMMON_RECORD_RESULT_JSON_H

#include "common/record/json.h"
#include "common/record/result.h"

#define RESULT_READ_BYTES (256 * 1024) /* max.message.bytes of the result topic */

int result_brief_read(const struct json_at *top, struct result_brief *ret);

#endif
