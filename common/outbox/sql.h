/* The outbox's statements. Each names its campaign, and most of them the lease holder, so that one
 * that comes late changes nothing of another holder's. Those that lock the campaign are in other
 * units than those that lock items: claims lock campaigns first, marks lock items first, and so no
 * circle can be made of them. Private to common/outbox. */
#ifndef COMMON_OUTBOX_SQL_H
#define COMMON_OUTBOX_SQL_H

/* $1 campaign id, $2 holder, $3 ms: takes or renews the lease of a campaign that is not closed */
extern const char OUTBOX_SQL_LEASE[];
/* $1 campaign id, $2 holder */
extern const char OUTBOX_SQL_STATE[];
enum outbox_state_column {
    STATE_STATE,
    STATE_LEASE, /* ours now */
    STATE_CURSOR,
    STATE_SELECTED,
    STATE_LANE,
    STATE_NAME,
    STATE_REASON,
    STATE_ACTOR,
    STATE_LIMIT, /* -1: none */
    STATE_DUE,
    STATE_OPEN, /* published, not ended, not parked */
    STATE_SOURCE,
    STATE_OVER, /* past its deadline */
};
/* $1 campaign id: an item whose result is out needs no record */
extern const char OUTBOX_SQL_OUT[];
/* $1 campaign id, $2 holder, $3 how many: parked and due, or to be ended -> waiting, unsent */
extern const char OUTBOX_SQL_UNPARK[];
/* $1 campaign id, $2 holder, $3 how many -> rows as below */
extern const char OUTBOX_SQL_UNSENT[];
/* $1 campaign id, $2 rank after which, $3 how many */
extern const char OUTBOX_SQL_NEXT[];
enum outbox_item_column {
    ITEM_REQUEST,
    ITEM_RANK,
    ITEM_LANE,
    ITEM_GUID,
    ITEM_REQUESTED_AT,
    ITEM_BUNDLE,
    ITEM_APP_MODE,
    ITEM_TITLE,
    ITEM_NAME,
    ITEM_OWNER_GUID,
    ITEM_OWNER,
    ITEM_ACCESS_TYPE,
    ITEM_R,
    ITEM_PY,
    ITEM_QUARTO,
    ITEM_IMAGE,
    ITEM_PATHS,
    ITEM_SKIP, /* needs no record: its result is out, it is parked, or a record of it was claimed */
};

/* $1 campaign id, $2 holder, $3 ms */
extern const char OUTBOX_SQL_RENEW[];
/* $1 campaign id, $2 cursor, $3 last offsets: both only go up, so a late holder does no harm */
extern const char OUTBOX_SQL_ADVANCE[];
/* $1 campaign id, $2 holder, $3 request ids. Not if another one holds the lease now: it may have
 * set the mark again, and not sent the record yet. */
extern const char OUTBOX_SQL_SENT[];
/* $1 campaign id: closes it when the cursor is at the end and every result is out */
extern const char OUTBOX_SQL_CLOSE[];
/* $1 campaign id */
extern const char OUTBOX_SQL_REPORT[];
enum outbox_report_column {
    REPORT_STATE,
    REPORT_CURSOR,
    REPORT_SELECTED,
    REPORT_UNSENT, /* some item is */
    REPORT_WAIT_MS,
};
/* $1 campaign id, $2 holder */
extern const char OUTBOX_SQL_RELEASE[];

#endif
