/* What the ledger's answer to a question means for each request: the wiring around flow_answer()
 * and admit(). */
#ifndef WORKER_ANSWER_H
#define WORKER_ANSWER_H

#include <stddef.h>

struct db_reply;
struct work;
struct worker;

/* Acts on a reply to SQL_ASK_ITEMS, SQL_ASK_GROUPS, SQL_REPLICAS. Returns how many requests went
 * anywhere else than back to the list they came from. */
size_t answer_reply(struct worker *w, const struct db_reply *reply);
/* The ledger does not know the request: made by somebody else, or by us and lost (held, alarmed).
 */
void answer_unknown(struct worker *w, struct work *work);
/* Takes SQL_REPLICAS' rows into the targets' view. */
void answer_replicas(struct worker *w, const struct db_reply *reply, size_t statement);

#endif
