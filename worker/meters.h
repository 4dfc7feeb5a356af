/* The worker's metrics (conventions.md section 7), all exported at 0 from the start. */
#ifndef WORKER_METERS_H
#define WORKER_METERS_H

#include "common/connect/api.h"
#include "worker/flow.h"

struct http_answer;
struct metrics;
struct target;
struct work;
struct worker;

int meters_init(struct worker *w); /* -1: no memory */
void meters_done(struct worker *w);
struct metrics *meters_registry(struct worker *w);
void meters_refresh(struct worker *w); /* gauges from lists and trackers, before a render */

void meters_received(struct worker *w, int lane);
void meters_rejected(struct worker *w, const char *reason);     /* a record no worker can read */
void meters_deduplicated(struct worker *w, const char *reason); /* done, copy */
void meters_replica(struct worker *w, const struct target *t);  /* limit, open, up */
void meters_throttled(struct worker *w, const struct target *t, const char *reason, double seconds);
void meters_request(struct worker *w, const struct target *t, const char *route,
                    const struct http_answer *answer);
void meters_attempt_ended(struct worker *w, const struct work *work);
void meters_item_ended(struct worker *w, const char *app_mode, const char *outcome, double queue_s,
                       int lane);
void meters_access(struct worker *w, const struct target *t, const char *verdict);
void meters_adopted(struct worker *w);
void meters_handed_off(struct worker *w);
void meters_published(struct worker *w, const char *type, double n); /* result, dead_letter */
void meters_publish_error(struct worker *w, const char *what);
void meters_dead_letter(struct worker *w, const char *error_class);
void meters_rebalance(struct worker *w);
void meters_db_error(struct worker *w, const char *what);

#endif
