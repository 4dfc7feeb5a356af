/* Every bound of the project that is not an option: its unit and its reason. */
#ifndef COMMON_BASE_LIMITS_H
#define COMMON_BASE_LIMITS_H

/* Kafka */
#define WINDOW_OFFSETS     20480 /* offsets above the base: its bitmap fits the commit metadata */
#define DONE_MAP_MAX_CHARS 3900  /* the broker's offset.metadata.max.bytes is 4096 */
#define REQUEST_MAX_BYTES  (64 * 1024) /* max.message.bytes of the request topics */
#define RESULT_MAX_BYTES \
    (128 * 1024) /* a longer result has its texts cut; the topic allows 256 KiB */
#define DLQ_VALUE_MAX_BYTES                                                                    \
    (192 * 1024)                      /* a longer dead letter is cut, room for headers is left \
                                       */
#define DLQ_KEY_MAX_BYTES (16 * 1024) /* the same of a key */
#define PUBLISH_EVERY_MS  100 /* a transaction costs 10-20 ms whatever it carries; no test: a pace \
                               */
#define PUBLISH_BATCH_RESULTS 1000  /* results in one transaction */
#define PUBLISH_QUEUE_RESULTS 20000 /* results waiting in memory: then no new builds start */
#define PUBLISH_QUEUE_BYTES   (64 * 1024 * 1024) /* the same in bytes: dead letters are long */
#define EXTERNAL_MAX_BYTES \
    (16 * 1024 * 1024) /* records of others that wait for their insert: then no more are read */
#define RESULT_CUT_MIN_BYTES \
    4096 /* a broker that takes no more gets nothing; what must be said needs 2 KiB */
#define REVOKE_WAIT_MS           3000  /* last batch at a revoke; well under max.poll.interval.ms */
#define HANDOFF_WAIT_MS          500   /* last batch at SIGTERM: exit stays under a second */
#define TXN_STALL_ADMISSION_MS   45000 /* no successful transaction for this long: start no build */
#define TXN_STALL_EXIT_MS        120000 /* one call of the publisher thread for this long: exit 75 */
#define BROKERS_BACK_MS          30000  /* what they answer before counts for nothing: reconnects */
#define CONSUMER_TICK_MS         200  /* the queue is served at least this often; no test: a pace */
#define CONSUMER_EVENTS_PER_TURN 1000 /* then the loop gets its turn */

/* Ledger */
#define CLAIM_BATCH           64 /* requests asked about at once: 5-10 ms in the ledger */
#define DB_CONNECT_TIMEOUT_MS 10000
#define DB_BACKOFF_MIN_MS     200 /* reconnect: doubled with jitter up to the maximum */
#define DB_BACKOFF_MAX_MS     10000
#define DB_KEEP_MS            10000 /* committed writes are kept this long for a failover */
#define DB_QUEUE_UNITS        20000 /* units waiting for PostgreSQL: then no new builds start */
#define HEARTBEAT_MS          2000 /* worker.last_seen; also the pulse of want_until; no test: a pace */
#define WORKER_DEAD_MS        15000 /* a worker row that is older counts as dead */
#define LEASE_MS                                                                                \
    15000 /* publishing lease of a campaign, renewed at a third; no test: crash_case.py lets it \
             lapse */
#define PARK_AFTER_MS 60000 /* what cannot run for longer leaves Kafka for the ledger */

/* Connect */
#define CLAIM_TO_POST_MAX_MS  5000              /* an older claim or content read does not POST */
#define TASK_WAIT_MARGIN_MS   15000             /* client time-out of a long poll above the wait */
#define API_REPLY_MAX_BYTES   (4 * 1024 * 1024) /* a longer answer is cut off: a broken server */
#define PAGE_REPLY_KEEP_BYTES 4096              /* of a content page only the start is looked at */
#define LOG_TAIL_LINES        40
#define LOG_LINE_MAX_BYTES    1024
#define COOKIES_MAX_BYTES     4096
#define COOKIE_HEADER_BYTES   (COOKIES_MAX_BYTES + 64)
#define ACCESS_PATHS_MAX      16   /* access paths validated per item */
#define CHECKING_MAX          1000 /* built items that are validated or wait: then no new builds */
#define REPLICAS_MAX          256
#define CONNECT_TIMEOUT_MS    10000
#define BREAKER_FAILURES      5 /* connection failures in a row that open the breaker */
#define BREAKER_OPEN_MS       30000
#define AIMD_ONCE_MS          10000 /* a limit is halved at most this often */

/* Texts */
#define TEXT_FIELD_MAX_BYTES 1024  /* a title, a name, a reason */
#define LOG_RATE_MAX         50    /* equal warn or error lines ... */
#define LOG_RATE_PERIOD_MS   10000 /* ... in this time */

#endif
