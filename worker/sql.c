#include "worker/sql.h"

/* $1 request ids */
const char SQL_ASK_ITEMS[] =
    "select i.request_id, i.content_guid, i.state, i.bundle_id, i.app_mode, i.access_type,"
    " i.access_paths, i.groups, i.attempts, i.place_lane, i.place_partition, i.place_offset,"
    " i.published_at is not null, (extract(epoch from i.due - now()) * 1000)::bigint,"
    " c.state, coalesce(c.deadline <= now(), false), c.max_attempts, c.backoff_min_ms,"
    " c.backoff_max_ms, c.warm_up, coalesce(c.max_inflight, -1),"
    " case when c.max_inflight is null then 0 else (select count(*) from @attempt o"
    "   where o.campaign_id = c.campaign_id and o.ended_at is null) end,"
    " c.start_interval_ms,"
    " greatest(0, (extract(epoch from c.next_start - now()) * 1000)::bigint), c.validate,"
    " exists (select 1 from @attempt o where o.content_guid = i.content_guid"
    "   and o.ended_at is null and o.request_id <> i.request_id),"
    " a.attempt_id, a.token, a.n, a.ended_at is null, a.code, a.error_class, a.replica,"
    " a.replica_url, a.task_id, a.cookies, a.bundle_id,"
    " (extract(epoch from a.content_date) * 1000)::bigint, a.judged_jobs,"
    " (extract(epoch from now() - a.intent_at) * 1000)::bigint, a.charged"
    " from unnest($1::uuid[]) with ordinality u(id, ord)"
    " join @item i on i.request_id = u.id"
    " join @campaign c on c.campaign_id = i.campaign_id"
    " left join lateral (select * from @attempt l where l.request_id = i.request_id"
    "   order by l.n desc, l.intent_at desc limit 1) a on true"
    " order by u.ord";

/* $1 request ids; campaign, key, warm, open */
const char SQL_ASK_GROUPS[] =
    "select g.campaign_id, g.key, g.succeeded > 0 or g.restored >= 2, g.started - g.ended"
    " from (select distinct i.campaign_id, k.key from unnest($1::uuid[]) u(id)"
    "   join @item i on i.request_id = u.id cross join unnest(i.groups) k(key)) x"
    " join @runtime_group g on g.campaign_id = x.campaign_id and g.key = x.key";

/* name, url, max_inflight, limit_now, start limited, start wait ms, active, open */
const char SQL_REPLICAS[] =
    "select r.name, r.url, r.max_inflight, r.limit_now, r.start_interval_ms > 0,"
    " greatest(0, (extract(epoch from r.next_start - clock_timestamp()) * 1000)::bigint),"
    " r.state = 'active',"
    " (select count(*) from @attempt a where a.replica = r.name and a.ended_at is null)"
    " from @replica r";

/* $1 attempt ids, $2 tokens, $3 codes, $4 classes, $5 messages, $6 log tails (lines joined by
 * newlines), $7 log cut, $8 charged, $9 restored, $10 next item states, $11 delays in ms,
 * $12 retryable, $13 to $15 places, $16 worker, $17 version -> attempt id, item written */
const char SQL_END[] =
    "with w as (select * from unnest($1::uuid[], $2::bigint[], $3::int[], $4::text[], $5::text[],"
    "   $6::text[], $7::bool[], $8::bool[], $9::bool[], $10::text[], $11::bigint[], $12::bool[],"
    "   $13::smallint[], $14::int[], $15::bigint[]) as w(attempt_id, token, code, class, message,"
    "   tail, cut, charged, restored, next_state, delay_ms, retryable, lane, part, off)),"
    " e as (update @attempt a set ended_at = now(), code = w.code, error_class = w.class,"
    "   error_message = w.message, log_cut = w.cut, charged = w.charged,"
    "   log_tail = case when w.tail is null then '{}' else string_to_array(w.tail, E'\\n') end"
    "   from w where a.attempt_id = w.attempt_id and a.token = w.token and a.ended_at is null"
    "   returning a.attempt_id, a.request_id, a.campaign_id, a.groups, a.bundle_id, w.code, w.class,"
    "   w.message, w.charged, w.restored, w.next_state, w.delay_ms, w.retryable, w.lane, w.part,"
    "   w.off),"
    " i as (update @item i set state = e.next_state,"
    "   attempts = i.attempts - case when e.charged then 0 else 1 end,"
    "   due = case when e.next_state = 'waiting' and e.delay_ms > 0"
    "     then now() + e.delay_ms * interval '1 ms' end,"
    "   ended_at = case when e.next_state in ('running', 'waiting') then null else now() end,"
    "   last_attempt = case when e.charged then e.attempt_id else i.last_attempt end,"
    "   bundle_built = case when e.charged then e.bundle_id else i.bundle_built end,"
    "   error_class = e.class, error_message = e.message, error_retryable = e.retryable,"
    "   worker_id = $16, worker_version = $17,"
    "   place_lane = e.lane, place_partition = e.part, place_offset = e.off"
    "   from e where i.request_id = e.request_id and i.state = 'running'"
    "   and i.published_at is null and (i.place_offset is null or (i.place_lane = e.lane"
    "   and i.place_partition = e.part and i.place_offset = e.off)) returning i.request_id),"
    " g as (update @runtime_group g set ended = g.ended + x.n, restored = g.restored + x.restored,"
    "   succeeded = g.succeeded + x.succeeded from (select e.campaign_id, k.key, count(*) as n,"
    "   count(*) filter (where e.restored) as restored, count(*) filter (where e.code = 0) as"
    "   succeeded from e cross join unnest(e.groups) k(key) group by 1, 2 order by 1, 2) x"
    "   where g.campaign_id = x.campaign_id and g.key = x.key"
    "   and g.succeeded = 0 and g.restored < 2)"
    " select e.attempt_id, exists (select 1 from i where i.request_id = e.request_id) from e";

/* A slot was freed in this transaction: does another worker want one more urgently? $1 this worker,
 * $2 lane and $3 rank of its own best request (lane -1: none), $4 slots freed, $5 payload. Leaves
 * the number given away in the setting rebuild.gave for SQL_CLAIM. */
const char SQL_GIVE[] =
    "with best as (select worker_id, channel from @worker where want_until > now()"
    "   and worker_id <> $1 and channel is not null"
    "   and (want_lane > $2::int or (want_lane = $2::int and want_rank < $3::bigint))"
    "   order by want_lane desc, want_rank limit $4::int for update skip locked),"
    " told as (update @worker w set want_until = null from best b"
    "   where w.worker_id = b.worker_id and w.want_until > now() returning b.channel)"
    " select set_config('rebuild.gave', count(*)::text, true), count(pg_notify(channel, $5)) from told";

/* The locks, each in a statement of its own and always in this order. */
const char SQL_LOCK_REPLICAS[] =
    "select 1 from @replica where name = any($1::text[]) order by name for update";
const char SQL_LOCK_GROUPS[] =
    "select 1 from @runtime_group g join (select distinct i.campaign_id, k.key"
    "   from unnest($1::uuid[]) u(id) join @item i on i.request_id = u.id"
    "   cross join unnest(i.groups) k(key)) x on x.campaign_id = g.campaign_id and x.key = g.key"
    " where g.succeeded = 0 and g.restored < 2 order by g.campaign_id, g.key for update of g";
const char SQL_LOCK_CAMPAIGNS[] =
    "select 1 from @campaign c where c.campaign_id in (select i.campaign_id"
    "   from unnest($1::uuid[]) u(id) join @item i on i.request_id = u.id)"
    " and (c.max_inflight is not null or c.start_interval_ms > 0)"
    " order by c.campaign_id for update";
const char SQL_LOCK_ITEMS[] =
    "select 1 from @item where request_id = any($1::uuid[]) order by request_id for update";

/* $1 attempt ids, $2 tokens, $3 request ids, $4 replicas, $5 attempts as read, $6 to $8 places,
 * $9 bundles, $10 content dates in ms, $11 worker, $12 version. In the order proposed. */
const char SQL_CLAIM[] =
    "with w as (select * from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::int[],"
    "   $6::smallint[], $7::int[], $8::bigint[], $9::text[], $10::bigint[]) with ordinality as"
    "   w(attempt_id, token, request_id, replica, attempts, lane, part, off, bundle, date_ms, ord)),"
    " fit as (select w.*, i.campaign_id, i.content_guid, i.groups, r.url, c.warm_up,"
    "   row_number() over (partition by w.replica order by w.ord) as nth_replica,"
    "   row_number() over (partition by i.campaign_id order by w.ord) as nth_campaign,"
    "   r.limit_now - (select count(*) from @attempt a where a.replica = w.replica"
    "     and a.ended_at is null) as free_replica,"
    "   r.start_interval_ms > 0 as r_limited, r.next_start <= now() as r_may,"
    "   case when c.max_inflight is null then null else c.max_inflight - (select count(*)"
    "     from @attempt a where a.campaign_id = c.campaign_id and a.ended_at is null) end"
    "     as free_campaign,"
    "   c.start_interval_ms > 0 as c_limited, c.next_start <= now() as c_may"
    "   from w join @item i on i.request_id = w.request_id"
    "   join @campaign c on c.campaign_id = i.campaign_id"
    "   join @replica r on r.name = w.replica"
    "   where i.state = 'waiting' and i.attempts = w.attempts and c.state = 'open'"
    "   and (c.deadline is null or c.deadline > now()) and r.state = 'active'"
    "   and (i.place_offset is null or (i.place_lane = w.lane and i.place_partition = w.part"
    "     and i.place_offset = w.off))"
    "   and w.ord <= cardinality($1::uuid[])"
    "     - coalesce(nullif(current_setting('rebuild.gave', true), ''), '0')::int),"
    " cold as (select f.attempt_id, row_number() over (partition by g.campaign_id, g.key"
    "   order by f.ord) > f.warm_up - (g.started - g.ended) as over from fit f"
    "   cross join unnest(f.groups) k(key) join @runtime_group g"
    "   on g.campaign_id = f.campaign_id and g.key = k.key"
    "   where f.warm_up > 0 and g.succeeded = 0 and g.restored < 2),"
    " ins as (insert into @attempt (attempt_id, request_id, campaign_id, content_guid, n, token,"
    "   worker_id, worker_version, replica, replica_url, bundle_id, content_date, groups)"
    "   select f.attempt_id, f.request_id, f.campaign_id, f.content_guid, f.attempts + 1, f.token,"
    "   $11, $12, f.replica, f.url, f.bundle, to_timestamp(f.date_ms / 1000.0), f.groups from fit f"
    "   where f.nth_replica <= f.free_replica"
    "   and (not f.r_limited or (f.nth_replica = 1 and f.r_may))"
    "   and (f.free_campaign is null or f.nth_campaign <= f.free_campaign)"
    "   and (not f.c_limited or (f.nth_campaign = 1 and f.c_may))"
    "   and not exists (select 1 from cold where cold.attempt_id = f.attempt_id and cold.over)"
    "   order by f.content_guid on conflict do nothing"
    "   returning attempt_id, request_id, campaign_id, replica, groups),"
    " i as (update @item i set state = 'running', attempts = i.attempts + 1, due = null,"
    "   place_lane = w.lane, place_partition = w.part, place_offset = w.off"
    "   from ins join w on w.attempt_id = ins.attempt_id where i.request_id = ins.request_id),"
    " g as (update @runtime_group g set started = g.started + x.n from (select ins.campaign_id,"
    "   k.key, count(*) as n from ins cross join unnest(ins.groups) k(key) group by 1, 2"
    "   order by 1, 2) x where g.campaign_id = x.campaign_id and g.key = x.key"
    "   and g.succeeded = 0 and g.restored < 2),"
    " r as (update @replica r set next_start = greatest(r.next_start, now() - interval '1 s')"
    "   + r.start_interval_ms * interval '1 ms' where r.start_interval_ms > 0"
    "   and r.next_start <= now() and r.name in (select replica from ins)),"
    " c as (update @campaign c set next_start = greatest(c.next_start, now() - interval '1 s')"
    "   + c.start_interval_ms * interval '1 ms' where c.start_interval_ms > 0"
    "   and c.next_start <= now() and c.campaign_id in (select campaign_id from ins))"
    " select count(*) from ins";

/* $1 attempt ids, $2 tokens: a claim sent again finds what it was granted before, on which replica.
 */
const char SQL_GRANTED[] =
    "select a.attempt_id, a.n, a.replica from unnest($1::uuid[], $2::bigint[]) w(attempt_id, token)"
    " join @attempt a on a.attempt_id = w.attempt_id and a.token = w.token and a.ended_at is null";

/* $1 attempt ids, $2 tokens, $3 request ids, $4 numbers, $5 replicas, $6 their urls, $7 bundles,
 * $8 content dates in ms, $9 task ids, $10 cookies, $11 to $13 places, $14 ages in ms, $15 worker,
 * $16 version -> attempt id. Attempts that the ledger lost, from memory: only where no attempt is
 * open and no outcome known. Limits are not asked: the builds run already. */
const char SQL_RESTORE[] =
    "with w as (select * from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::int[], $5::text[],"
    "   $6::text[], $7::text[], $8::bigint[], $9::text[], $10::text[], $11::smallint[], $12::int[],"
    "   $13::bigint[], $14::bigint[]) w(attempt_id, token, request_id, n, replica, url, bundle,"
    "   date_ms, task_id, cookies, lane, part, off, age_ms)),"
    " ins as (insert into @attempt (attempt_id, request_id, campaign_id, content_guid, n, token,"
    "   worker_id, worker_version, replica, replica_url, bundle_id, content_date, groups, intent_at,"
    "   task_id, cookies)"
    "   select w.attempt_id, i.request_id, i.campaign_id, i.content_guid, w.n, w.token, $15, $16,"
    "   w.replica, w.url, w.bundle, to_timestamp(w.date_ms / 1000.0), i.groups,"
    "   now() - w.age_ms * interval '1 ms', w.task_id, w.cookies"
    "   from w join @item i on i.request_id = w.request_id"
    "   where i.ended_at is null and i.published_at is null and (i.place_offset is null"
    "   or (i.place_lane = w.lane and i.place_partition = w.part and i.place_offset = w.off))"
    "   and not exists (select 1 from @attempt a where a.request_id = i.request_id"
    "     and (a.attempt_id = w.attempt_id or a.ended_at is null or a.n > w.n))"
    "   order by i.content_guid on conflict do nothing"
    "   returning attempt_id, request_id, campaign_id, groups),"
    " i as (update @item i set state = 'running', attempts = greatest(i.attempts, w.n), due = null,"
    "   place_lane = w.lane, place_partition = w.part, place_offset = w.off"
    "   from ins join w on w.attempt_id = ins.attempt_id where i.request_id = ins.request_id),"
    " g as (update @runtime_group g set started = g.started + x.n from (select ins.campaign_id,"
    "   k.key, count(*) as n from ins cross join unnest(ins.groups) k(key) group by 1, 2"
    "   order by 1, 2) x where g.campaign_id = x.campaign_id and g.key = x.key"
    "   and g.succeeded = 0 and g.restored < 2)"
    " select attempt_id from ins";

/* $1 request ids whose outcome may be a failure */
const char SQL_GUARD_FAILURES[] =
    "with hit as (update @campaign c set state = 'paused',"
    "   state_reason = 'as many failures as --max-failures says'"
    "   where c.state = 'open' and (c.max_failures is not null or c.max_failures_percent is not null)"
    "   and c.campaign_id in (select campaign_id from @item where request_id = any($1::uuid[])"
    "     and state in ('build_failed', 'access_failed'))"
    "   and (select count(*) from @item f where f.campaign_id = c.campaign_id"
    "     and f.state in ('build_failed', 'access_failed')) >= least(c.max_failures::float8,"
    "     c.max_failures_percent / 100.0 * c.selected)"
    "   returning c.campaign_id)"
    " insert into @act (act, target, actor, reason) select 'pause', campaign_id::text,"
    " 'connect-rebuild', 'as many failures as --max-failures says' from hit";

/* $1 attempt ids, $2 tokens as read, $3 new tokens, $4 worker, $5 version -> attempt id */
const char SQL_ADOPT[] =
    "update @attempt a set token = w.fresh, worker_id = $4, worker_version = $5,"
    " adopted = a.adopted + case when a.ended_at is null then 1 else 0 end"
    " from unnest($1::uuid[], $2::bigint[], $3::bigint[]) w(attempt_id, token, fresh)"
    " where a.attempt_id = w.attempt_id and a.token = w.token returning a.attempt_id";

/* $1 request ids, $2 to $4 places -> request id: the place is this one */
const char SQL_PLACE[] =
    "update @item i set place_lane = w.lane, place_partition = w.part, place_offset = w.off"
    " from unnest($1::uuid[], $2::smallint[], $3::int[], $4::bigint[]) w(request_id, lane, part, off)"
    " where i.request_id = w.request_id and i.published_at is null and (i.place_offset is null"
    " or (i.place_lane = w.lane and i.place_partition = w.part and i.place_offset = w.off))"
    " returning i.request_id";

/* $1 request ids, $2 to $4 places -> request id: parked; an old copy that reads parked is parked
 * too */
const char SQL_PARK[] =
    "with p as (update @item i set state = 'parked', place_lane = null, place_partition = null,"
    "   place_offset = null, due = coalesce(i.due, now())"
    "   from unnest($1::uuid[], $2::smallint[], $3::int[], $4::bigint[]) w(request_id, lane, part,"
    "   off) where i.request_id = w.request_id and i.state = 'waiting'"
    "   and (i.place_offset is null or (i.place_lane = w.lane and i.place_partition = w.part"
    "   and i.place_offset = w.off)) and not exists (select 1 from @attempt a"
    "   where a.request_id = i.request_id and a.ended_at is null) returning i.request_id)"
    " select request_id from p union select i.request_id from @item i"
    " where i.request_id = any($1::uuid[]) and i.state = 'parked'";

/* $1 request ids, $2 states, $3 classes, $4 messages, $5 to $7 places, $8 attempt ids, $9 tokens,
 * $10 access verdicts, $11 access checks, $12 worker, $13 version -> request id. The keys stand
 * there twice: before a new campaign was analyzed the planner begins with all open items, and must
 * not pair each of them with each of ours. */
const char SQL_SETTLE[] =
    "update @item i set state = w.state, ended_at = now(), due = null, error_class = w.class,"
    " error_message = w.message, error_retryable = false,"
    " place_lane = w.lane, place_partition = w.part, place_offset = w.off,"
    " access_verdict = w.verdict, access_checks = w.checks::jsonb,"
    " worker_id = $12, worker_version = $13"
    " from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::smallint[], $6::int[],"
    "   $7::bigint[], $8::uuid[], $9::bigint[], $10::text[], $11::text[]) w(request_id, state, class,"
    "   message, lane, part, off, attempt_id, token, verdict, checks)"
    " where i.request_id = w.request_id and i.request_id = any($1::uuid[])"
    " and i.state in ('waiting', 'running', 'parked')"
    " and i.published_at is null and (i.place_offset is null or (i.place_lane = w.lane"
    "   and i.place_partition = w.part and i.place_offset = w.off))"
    " and not exists (select 1 from @attempt a where a.request_id = i.request_id"
    "   and a.ended_at is null)"
    " and (w.attempt_id is null or exists (select 1 from @attempt a"
    "   where a.attempt_id = w.attempt_id and a.token = w.token))"
    " returning i.request_id";

/* $1 attempt ids, $2 task ids, $3 cookies: facts, written where still null by whoever learns them
 */
const char SQL_TASK[] =
    "update @attempt a set task_id = coalesce(a.task_id, w.task_id),"
    " cookies = coalesce(a.cookies, w.cookies)"
    " from unnest($1::uuid[], $2::text[], $3::text[]) w(attempt_id, task_id, cookies)"
    " where a.attempt_id = w.attempt_id and a.task_id is null";

/* $1 attempt id, $2 job keys that are not this build's */
const char SQL_JUDGED[] =
    "update @attempt set judged_jobs = (select array_agg(distinct k) from unnest(judged_jobs"
    " || $2::text[]) k) where attempt_id = $1::uuid";

/* $1 attempt id -> token, task id, cookies, open */
const char SQL_ATTEMPT_ROW[] =
    "select token, task_id, cookies, ended_at is null from @attempt where attempt_id = $1::uuid";

/* $1 request ids: their results are out -> those whose outcome the ledger lost, not marked */
const char SQL_MARK[] =
    "with m as (update @item set published_at = now() where request_id = any($1::uuid[])"
    "   and published_at is null and ended_at is not null)"
    " select request_id from @item where request_id = any($1::uuid[])"
    " and published_at is null and ended_at is null";

/* $1 request ids -> ms: the first of them was requested then */
const char SQL_LOST_SINCE[] =
    "select (extract(epoch from min(requested_at)) * 1000)::bigint from @item"
    " where request_id = any($1::uuid[])";
/* $1 request ids whose result is out while the ledger lost the outcome: their open attempts hold no
 * slot any more */
const char SQL_CLOSE_LOST[] =
    "update @attempt set ended_at = now(), charged = false,"
    " error_message = 'the result is out; the ledger had lost the outcome'"
    " where request_id = any($1::uuid[]) and ended_at is null";
/* $1 request ids, $2 states, $3 times of their ends, $4 classes, $5 messages, $6 retryable,
 * $7 access verdicts, as their results say */
const char SQL_TAKE_BACK[] =
    "update @item i set state = w.state, ended_at = w.at, due = null, error_class = w.class,"
    " error_message = w.message, error_retryable = w.retryable, access_verdict = w.verdict,"
    " last_attempt = coalesce(i.last_attempt, (select a.attempt_id from @attempt a"
    "   where a.request_id = i.request_id and a.code is not null order by a.n desc limit 1)),"
    " published_at = coalesce(i.published_at, now())"
    " from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::bool[],"
    "   $7::text[]) w(request_id, state, at, class, message, retryable, verdict)"
    " where i.request_id = w.request_id and i.ended_at is null";
/* $1 request ids whose result is out and gone from the result topic, too */
const char SQL_MARK_LOST[] =
    "update @item set published_at = now() where request_id = any($1::uuid[])"
    " and published_at is null";
/* $1 request ids just marked: closes their campaigns when nothing is left */
const char SQL_COMPLETE[] =
    "update @campaign c set ended_at = now(),"
    " state = case c.state when 'cancelling' then 'cancelled' else 'completed' end"
    " where c.campaign_id in (select distinct campaign_id from @item"
    "   where request_id = any($1::uuid[]))"
    " and c.state in ('open', 'paused', 'cancelling') and not c.external"
    " and c.cursor_rank >= c.selected - 1"
    " and not exists (select 1 from @item i where i.campaign_id = c.campaign_id"
    "   and i.published_at is null)"
    " returning c.campaign_id";

/* $1 request ids; only items that have ended */
const char SQL_RESULTS[] =
    "select i.request_id, i.campaign_id, c.name, c.reason, c.actor, i.content_guid, i.bundle_id,"
    " i.app_mode, i.title, i.name, i.owner_guid, i.owner_username, i.access_type, i.r_version,"
    " i.py_version, i.quarto_version, i.image_name, i.state, coalesce(a.n, i.attempts),"
    " c.max_attempts, coalesce(a.adopted, 0) > 0, a.replica, a.task_id, i.bundle_built,"
    " @rfc3339(i.requested_at), @rfc3339(a.intent_at), @rfc3339(i.ended_at),"
    " extract(epoch from coalesce(a.intent_at, i.ended_at) - i.requested_at),"
    " coalesce(extract(epoch from a.ended_at - a.intent_at), 0), a.code, a.log_tail, a.log_cut,"
    " i.access_verdict, i.access_checks, i.error_class, i.error_message, i.error_retryable,"
    " i.place_lane, i.place_partition, i.place_offset, i.worker_id, i.worker_version,"
    " i.access_paths"
    " from unnest($1::uuid[]) u(id) join @item i on i.request_id = u.id"
    " join @campaign c on c.campaign_id = i.campaign_id"
    " left join @attempt a on a.attempt_id = i.last_attempt"
    " where i.ended_at is not null";

/* $1 lanes, $2 partitions: items with a place in my partitions whose result is not marked */
const char SQL_RECOVER[] =
    "select i.request_id, i.campaign_id, i.rank, i.place_lane, i.place_partition, i.place_offset,"
    " i.ended_at is not null, i.state in ('waiting', 'rejected') from unnest($1::smallint[], $2::int[]) w(lane, part)"
    " join @item i on i.place_lane = w.lane and i.place_partition = w.part"
    " where i.place_offset is not null and i.published_at is null"
    " order by i.place_lane desc, i.rank";

/* $1 campaign ids -> campaign id, must be asked about now */
const char SQL_CAMPAIGN_STATES[] =
    "select c.campaign_id, c.state <> 'open' or coalesce(c.deadline <= now(), false)"
    " from unnest($1::uuid[]) u(id) join @campaign c on c.campaign_id = u.id";

/* $1 worker, $2 version, $3 state, $4 in flight, $5 waiting, $6 partitions, $7 channel */
const char SQL_PRESENCE[] =
    "insert into @worker (worker_id, version, state, in_flight, waiting, partitions, channel)"
    " values ($1, $2, $3, $4::int, $5::int, $6::int, $7) on conflict (worker_id) do update set"
    " version = excluded.version, state = excluded.state, in_flight = excluded.in_flight,"
    " waiting = excluded.waiting, partitions = excluded.partitions, channel = excluded.channel,"
    " last_seen = now()";
/* $1 worker, $2 lane, $3 rank, $4 ms */
const char SQL_WANT[] = "update @worker set want_lane = $2::smallint, want_rank = $3::bigint,"
                        " want_until = now() + $4::bigint * interval '1 ms' where worker_id = $1";
/* $1 worker */
const char SQL_GONE[] =
    "update @worker set state = 'stopped', in_flight = 0, want_until = null, channel = null,"
    " last_seen = now() where worker_id = $1";

/* $1 names, $2 urls, $3 limits, $4 start intervals in ms. A known url under a new name renames the
 * row and its open attempts; limits set by people stay. */
const char SQL_REPLICA_REGISTER[] =
    "with w as (select * from unnest($1::text[], $2::text[], $3::int[], $4::float8[])"
    "   w(name, url, lim, start_ms)),"
    " old as (select r.name as was, w.name from w join @replica r on r.url = w.url"
    "   and r.name <> w.name where not exists (select 1 from @replica x where x.name = w.name)),"
    " moved as (update @attempt a set replica = old.name from old where a.replica = old.was"
    "   and a.ended_at is null),"
    " renamed as (update @replica r set name = old.name from old where r.name = old.was"
    "   returning r.name)"
    " insert into @replica (name, url, max_inflight, limit_now, start_interval_ms)"
    " select w.name, w.url, w.lim, w.lim, w.start_ms from w"
    " where w.name not in (select name from renamed) order by w.name"
    " on conflict (name) do update set url = excluded.url, seen_at = now(),"
    " state = case when replica.state = 'removed' then 'active' else replica.state end,"
    " max_inflight = case when replica.set_by is null then excluded.max_inflight"
    "   else replica.max_inflight end,"
    " limit_now = case when replica.set_by is null"
    "   and replica.max_inflight <> excluded.max_inflight then excluded.max_inflight"
    "   else replica.limit_now end,"
    " start_interval_ms = case when replica.set_by is null then excluded.start_interval_ms"
    "   else replica.start_interval_ms end";
/* $1 name, $2 ms in which it is halved once -> the new limit */
const char SQL_REPLICA_SLOWER[] =
    "update @replica set limit_now = greatest(1, limit_now / 2), limit_changed_at = now()"
    " where name = $1 and limit_now > 1"
    " and (limit_now = max_inflight or limit_changed_at < now() - $2::bigint * interval '1 ms')"
    " returning limit_now";
/* $1 names that answered well, $2 ms between steps -> name, the new limit */
const char SQL_REPLICA_FASTER[] =
    "update @replica set limit_now = limit_now + 1, limit_changed_at = now()"
    " where name = any($1::text[]) and limit_now < max_inflight"
    " and limit_changed_at < now() - $2::bigint * interval '1 ms' returning name, limit_now";

/* $1 campaign id, $2 name, $3 reason, $4 actor: a campaign for requests that others made */
const char SQL_EXTERNAL_CAMPAIGN[] =
    "insert into @campaign (campaign_id, external, name, reason, actor, warm_up)"
    " values ($1::uuid, true, coalesce($2, 'external'), $3, coalesce($4, 'external'), 0)"
    " on conflict (campaign_id) do nothing";
/* $1 request id, $2 campaign id, $3 lane, $4 guid, $5 bundle, $6 app mode, $7 title, $8 name,
 * $9 owner guid, $10 owner, $11 access type, $12 r, $13 python, $14 quarto, $15 image, $16 paths */
const char SQL_EXTERNAL_ITEM[] =
    "insert into @item (request_id, campaign_id, rank, lane, content_guid, bundle_id, app_mode,"
    " title, name, owner_guid, owner_username, access_type, r_version, py_version, quarto_version,"
    " image_name, access_paths) select $1::uuid, $2::uuid, coalesce(max(i.rank), -1) + 1,"
    " $3::smallint, $4::uuid, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,"
    " coalesce($16::text[], '{}') from @campaign c left join @item i"
    " on i.campaign_id = c.campaign_id where c.campaign_id = $2::uuid and c.external"
    " group by c.campaign_id on conflict (request_id) do nothing";
/* $1 campaign id: items get their ranks one after the other */
const char SQL_EXTERNAL_LOCK[] = "select 1 from @campaign where campaign_id = $1::uuid for update";
/* $1 request id, $2 campaign id, $3 guid, $4 why, $5 to $7 place, $8 worker, $9 version: the item
 * of a record that is no request. Where the id is known already, nothing. */
const char SQL_EXTERNAL_REJECTED[] =
    "insert into @item (request_id, campaign_id, rank, lane, content_guid, state, ended_at,"
    " error_class, error_message, place_lane, place_partition, place_offset, worker_id,"
    " worker_version) select $1::uuid, $2::uuid, coalesce(max(i.rank), -1) + 1, $5::smallint,"
    " $3::uuid, 'rejected', now(), 'request.invalid', $4, $5::smallint, $6::int, $7::bigint, $8, $9"
    " from @item i where i.campaign_id = $2::uuid on conflict (request_id) do nothing";

const char SQL_INSTALLATION[] =
    "select source, group_id, cluster_id, topics, partitions from @installation";
