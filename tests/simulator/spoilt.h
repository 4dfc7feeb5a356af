#ifndef SIMULATOR_SPOILT_H
#define SIMULATOR_SPOILT_H

#include "tests/simulator/port.h"

struct MHD_Response;
struct answer;

/* Inside of the edge: answers that are not sent as a good server sends them. */

/* For ACT_CUT and ACT_HUGE; takes the answer's body. */
struct MHD_Response *spoilt_cut(struct answer *answer);
struct MHD_Response *spoilt_huge(void);

/* Past the library, on the connection itself. After them the library must close it, except while it
 * drips: then the visit is to be parked and asked again at the time that is returned. */
void spoilt_reset(const struct visit *visit);
void spoilt_raw(const struct visit *visit, const struct answer *answer);
int64_t spoilt_drip(struct visit *visit);

#endif
