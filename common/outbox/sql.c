#include "common/outbox/sql.h"

const char OUTBOX_SQL_LEASE[] =
    "update @campaign set lease_holder = $2,"
    " lease_until = now() + $3::bigint * interval '1 ms'"
    " where campaign_id = $1::uuid and state in ('open', 'paused', 'cancelling')"
    " and (lease_holder is null or lease_holder = $2 or lease_until is null"
    "   or lease_until <= now())";

const char OUTBOX_SQL_STATE[] =
    "select c.state, coalesce(c.lease_holder = $2 and c.lease_until > now(), false),"
    " c.cursor_rank, c.selected, c.lane, c.name, c.reason, c.actor, coalesce(c.max_inflight, -1),"
    " coalesce(c.not_before <= now(), true),"
    " case when c.max_inflight is null then 0 else (select count(*) from @item i"
    "   where i.campaign_id = c.campaign_id and i.rank <= c.cursor_rank"
    "   and i.published_at is null and i.ended_at is null and i.state <> 'parked') end,"
    " (select source from @installation), coalesce(c.deadline <= now(), false)"
    " from @campaign c where c.campaign_id = $1::uuid";

const char OUTBOX_SQL_OUT[] =
    "update @item set unsent = false where request_id in (select request_id from @item"
    " where campaign_id = $1::uuid and unsent and published_at is not null"
    " for update skip locked)";

const char OUTBOX_SQL_UNPARK[] =
    "update @item i set state = 'waiting', due = null, unsent = true"
    " from (select p.request_id from @campaign c join @item p on p.campaign_id = c.campaign_id"
    "   where c.campaign_id = $1::uuid and c.lease_holder = $2 and c.lease_until > now()"
    "   and p.state = 'parked' and ((c.state = 'open' and (p.due is null or p.due <= now()))"
    "     or c.state = 'cancelling' or c.deadline <= now())"
    "   order by p.due nulls first limit $3::int for update of p skip locked) x"
    " where i.request_id = x.request_id and i.state = 'parked'";

#define ITEM_COLUMNS                                                                 \
    "select i.request_id, i.rank, i.lane, i.content_guid, @rfc3339(i.requested_at)," \
    " i.bundle_id, i.app_mode, i.title, i.name, i.owner_guid, i.owner_username,"     \
    " i.access_type, i.r_version, i.py_version, i.quarto_version, i.image_name, i.access_paths,"

/* A paused campaign's waiting items stay where they are; one with an attempt or an outcome has work
 * that somebody must own. */
const char OUTBOX_SQL_UNSENT[] =
    ITEM_COLUMNS " false from @campaign c join @item i on i.campaign_id = c.campaign_id"
                 " where c.campaign_id = $1::uuid and c.lease_holder = $2"
                 " and c.lease_until > now() and i.unsent and i.published_at is null"
                 " and i.state <> 'parked' and (c.state <> 'paused' or i.state <> 'waiting'"
                 "   or c.deadline <= now())"
                 " order by i.lane desc, i.rank limit $3::int";

const char OUTBOX_SQL_NEXT[] =
    ITEM_COLUMNS " i.published_at is not null or i.state = 'parked'"
                 "   or i.place_offset is not null"
                 " from @item i where i.campaign_id = $1::uuid and i.rank > $2::bigint"
                 " order by i.rank limit $3::int";

const char OUTBOX_SQL_RENEW[] =
    "update @campaign set lease_until = now() + $3::bigint * interval '1 ms'"
    " where campaign_id = $1::uuid and lease_holder = $2";

const char OUTBOX_SQL_ADVANCE[] =
    "update @campaign c set cursor_rank = greatest(c.cursor_rank, $2::bigint),"
    " last_offset = coalesce((select array_agg(greatest(coalesce(c.last_offset[n], -1),"
    "     coalesce(($3::bigint[])[n], -1)) order by n) from generate_series(1,"
    "     greatest(cardinality(c.last_offset), cardinality($3::bigint[]))) n), '{}')"
    " where c.campaign_id = $1::uuid";

const char OUTBOX_SQL_SENT[] = "update @item i set unsent = false from @campaign c"
                               " where c.campaign_id = $1::uuid and c.lease_holder = $2"
                               " and i.request_id = any($3::uuid[]) and i.unsent";

const char OUTBOX_SQL_CLOSE[] =
    "update @campaign c set ended_at = now(),"
    " state = case c.state when 'cancelling' then 'cancelled' else 'completed' end"
    " where c.campaign_id = $1::uuid and c.state in ('open', 'paused', 'cancelling')"
    " and not c.external and c.cursor_rank >= c.selected - 1"
    " and not exists (select 1 from @item i where i.campaign_id = c.campaign_id"
    "   and i.published_at is null)";

const char OUTBOX_SQL_REPORT[] =
    "select c.state, c.cursor_rank, c.selected,"
    " exists (select 1 from @item i where i.campaign_id = c.campaign_id and i.unsent"
    "   and i.state <> 'parked'),"
    " (extract(epoch from least("
    "   case when c.state = 'open' then p.first_due end,"
    "   case when c.state = 'open' and c.not_before > now() and c.cursor_rank < c.selected - 1"
    "     then c.not_before end,"
    "   case when c.deadline > now() and (p.n > 0 or c.cursor_rank < c.selected - 1)"
    "     then c.deadline end) - now()) * 1000)::bigint"
    " from @campaign c cross join lateral (select min(i.due) as first_due, count(*) as n"
    "   from @item i where i.campaign_id = c.campaign_id and i.state = 'parked') p"
    " where c.campaign_id = $1::uuid";

const char OUTBOX_SQL_RELEASE[] = "update @campaign set lease_holder = null, lease_until = null"
                                  " where campaign_id = $1::uuid and lease_holder = $2";
