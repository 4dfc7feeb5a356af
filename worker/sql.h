/* The worker's statements, as text. Every one is keyed, unnamed, with text parameters; what each
 * parameter is stands beside it in sql.c. "@name" is expanded by common/ledger/db.h. */
#ifndef WORKER_SQL_H
#define WORKER_SQL_H

/* The question: what is known of these requests. Read without locks. */
extern const char SQL_ASK_ITEMS[];
extern const char SQL_ASK_GROUPS[];
extern const char SQL_REPLICAS[];

/* Columns of SQL_ASK_ITEMS. */
enum ask_column {
    ASK_REQUEST,
    ASK_GUID,
    ASK_STATE,
    ASK_BUNDLE,
    ASK_APP_MODE,
    ASK_ACCESS_TYPE,
    ASK_PATHS,
    ASK_GROUPS,
    ASK_ATTEMPTS,
    ASK_PLACE_LANE,
    ASK_PLACE_PARTITION,
    ASK_PLACE_OFFSET,
    ASK_PUBLISHED,
    ASK_DUE_IN_MS,
    ASK_CAMPAIGN_STATE,
    ASK_DEADLINE_PASSED,
    ASK_MAX_ATTEMPTS,
    ASK_BACKOFF_MIN,
    ASK_BACKOFF_MAX,
    ASK_WARM_UP,
    ASK_CAMPAIGN_LIMIT,
    ASK_CAMPAIGN_OPEN,
    ASK_START_INTERVAL,
    ASK_START_WAIT_MS,
    ASK_VALIDATE,
    ASK_CONFLICT,
    ASK_ATTEMPT, /* last attempt; null: none */
    ASK_TOKEN,
    ASK_N,
    ASK_OPEN,
    ASK_CODE,
    ASK_CLASS,
    ASK_REPLICA,
    ASK_REPLICA_URL,
    ASK_TASK,
    ASK_COOKIES,
    ASK_ATTEMPT_BUNDLE,
    ASK_CONTENT_DATE_MS,
    ASK_JUDGED,
    ASK_AGE_MS,
    ASK_CHARGED,
};

/* One turn: ends, wants, locks, the guarded insert. */
extern const char SQL_END[];
extern const char SQL_GIVE[];
extern const char SQL_LOCK_REPLICAS[];
extern const char SQL_LOCK_GROUPS[];
extern const char SQL_LOCK_CAMPAIGNS[];
extern const char SQL_LOCK_ITEMS[];
extern const char SQL_CLAIM[];
extern const char SQL_GRANTED[];
extern const char SQL_RESTORE[];
extern const char SQL_GUARD_FAILURES[];

/* After an answer. */
extern const char SQL_ADOPT[];
extern const char SQL_PLACE[];
extern const char SQL_PARK[];
extern const char SQL_SETTLE[];
extern const char SQL_TASK[];
extern const char SQL_JUDGED[];
extern const char SQL_ATTEMPT_ROW[];
extern const char SQL_MARK[];
extern const char SQL_COMPLETE[];

/* Outcomes that the ledger lost. */
extern const char SQL_LOST_SINCE[];
extern const char SQL_CLOSE_LOST[];
extern const char SQL_TAKE_BACK[];
extern const char SQL_MARK_LOST[];

/* Everything a result says, by request id. */
extern const char SQL_RESULTS[];
enum result_column {
    RES_REQUEST,
    RES_CAMPAIGN,
    RES_CAMPAIGN_NAME,
    RES_REASON,
    RES_ACTOR,
    RES_GUID,
    RES_BUNDLE,
    RES_APP_MODE,
    RES_TITLE,
    RES_NAME,
    RES_OWNER_GUID,
    RES_OWNER,
    RES_ACCESS_TYPE,
    RES_R,
    RES_PY,
    RES_QUARTO,
    RES_IMAGE,
    RES_STATE,
    RES_ATTEMPT,
    RES_MAX_ATTEMPTS,
    RES_ADOPTED,
    RES_REPLICA,
    RES_TASK,
    RES_BUNDLE_BUILT,
    RES_REQUESTED_AT,
    RES_STARTED_AT,
    RES_FINISHED_AT,
    RES_QUEUE_S,
    RES_BUILD_S,
    RES_CODE,
    RES_LOG,
    RES_LOG_CUT,
    RES_ACCESS,
    RES_CHECKS,
    RES_CLASS,
    RES_MESSAGE,
    RES_RETRYABLE,
    RES_PLACE_LANE,
    RES_PLACE_PARTITION,
    RES_PLACE_OFFSET,
    RES_WORKER,
    RES_WORKER_VERSION,
    RES_PATHS,
};

/* Recovery, presence, campaigns, replicas, external requests. */
extern const char SQL_RECOVER[];
extern const char SQL_CAMPAIGN_STATES[];
extern const char SQL_PRESENCE[];
extern const char SQL_WANT[];
extern const char SQL_GONE[];
extern const char SQL_REPLICA_REGISTER[];
extern const char SQL_REPLICA_SLOWER[];
extern const char SQL_REPLICA_FASTER[];
extern const char SQL_EXTERNAL_CAMPAIGN[];
extern const char SQL_EXTERNAL_ITEM[];
extern const char SQL_EXTERNAL_LOCK[];
extern const char SQL_EXTERNAL_REJECTED[];
extern const char SQL_INSTALLATION[];

#endif
