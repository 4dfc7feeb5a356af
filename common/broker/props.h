/* librdkafka properties as the operator gave them: from options, a properties file (as kcat -F),
 * and -X prop=value. Later ones win. Unknown names and bad values are found when a client is made.
 *
 * What correctness hangs on is not the operator's: group.id, session.timeout.ms,
 * partition.assignment.strategy, isolation.level, enable.auto.commit, transactional.id, acks and
 * the like (props.c has the list, each with its reason). Giving one of those is ERR_CONFIG. The
 * transactional producer does not take message.timeout.ms and socket.timeout.ms, which the library
 * derives from the transaction time-out; the other clients do. */
#ifndef COMMON_BROKER_PROPS_H
#define COMMON_BROKER_PROPS_H

#include "common/base/err.h"

#define PROPS_FILE_MAX_BYTES (1024 * 1024) /* a longer one is not a properties file */

struct kafka_props;

/* One line of the library's own log. level is syslog's: 3 error, 4 warning, 6 info, 7 debug. */
typedef void kafka_log_fn(void *arg, int level, const char *facility, const char *text);

struct kafka_props *kafka_props_new(void);    /* NULL: no memory */
void kafka_props_free(struct kafka_props *p); /* NULL is fine */
int kafka_props_set(struct kafka_props *p, const char *name,
                    const char *value); /* copies; -1: memory */
/* "name=value" of the command line, so secrets are refused, too. */
int kafka_props_set_pair(struct kafka_props *p, const char *pair, struct err *err);
/* Lines "name=value"; '#' starts a comment at the start of a line only (a password may hold one).
 */
int kafka_props_load(struct kafka_props *p, const char *path, struct err *err);
const char *kafka_props_get(const struct kafka_props *p,
                            const char *name); /* borrowed; NULL: not set */
/* Where the library's log lines of every client made with these properties go. fn must be thread
 * safe: it is called from the library's threads. Not set: they are dropped. */
void kafka_props_on_log(struct kafka_props *p, kafka_log_fn *fn, void *arg);

#endif
