/* Requests that the ledger does not know. Made by somebody else (another source): an item of an
 * external campaign is inserted and built like any other. A record that is no request but says
 * whose it is: an item that ends as rejected is inserted, and its result goes out with the dead
 * letter; where the id is another request's, the dead letter goes alone. With our own source and an
 * unknown campaign: the ledger lost it; held and alarmed, not built. */
#ifndef WORKER_EXTERNAL_H
#define WORKER_EXTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/uuid.h"

struct err;
struct external_index;
struct kafka_record;
struct outgoing;
struct req;
struct request;
struct work;
struct worker;

struct externals { /* all zero: none */
    struct external_index *first;
    size_t bytes; /* of the records kept */
};

/* At intake: keeps the record of a foreign source until the ledger knows it. Our own source, or one
 * with this id is kept already: does nothing. -1: no memory. */
int external_note(struct worker *w, const struct req *req, const struct request *request,
                  const struct kafka_record *record);
/* The same for a record that was not read for this reason, whose request id is req->id. 1: it is
 * the id of a request at work here, so that the record is a dead letter and no more; -1: no memory.
 */
int external_note_broken(struct worker *w, const struct req *req, const struct kafka_record *record,
                         const struct err *why);
/* The records kept fill their memory: no more are read from this lane until half of it is free. */
bool external_full(const struct worker *w, int lane);
bool external_roomy(const struct worker *w);
/* Asked about and not found: inserts what was kept of it, then asks again. */
void external_ask(struct worker *w, struct work *work);
/* Asked about and found (its facts are read): what was kept is forgotten. true: the work's record
 * was a broken one with the id of another request; it is a dead letter now and the work is gone. */
bool external_known(struct worker *w, struct work *work);
/* The dead letter that goes out with this work's result; NULL: none (or no memory: ret_failed). */
struct outgoing *external_letter(struct worker *w, const struct work *work, bool *ret_failed);
void external_done(struct worker *w);

#endif
