/* What was asked for, as JSON, for the campaign's row: made from the option rows, so that an option
 * that is added later is kept, too. */
#ifndef PRODUCER_GIVEN_H
#define PRODUCER_GIVEN_H

#include "common/base/buf.h"
#include "common/config/options.h"

#define GIVEN_MAX_BYTES (256 * 1024)
#define GIVEN_LIST_MAX  1000 /* values of a list; the rest is counted as NAME_more */

/* An object with one member for each option of the table with this base. Defaults are among them
 * only if `defaults`; what is unset never is. */
void given_json(const struct options *o, const void *base, bool defaults, struct buf *out);

#endif
