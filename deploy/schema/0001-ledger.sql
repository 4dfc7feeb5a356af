-- The ledger (DESIGN.md section 5). `rebuild-producer migrate` runs this file once, in one
-- transaction, with search_path set to the ledger's schema. Every time is this server's now().
--
-- compatible-from: 1

create extension if not exists "uuid-ossp";

-- request_id = uuidv5(campaign_id, content_guid): a repeated enqueue makes the same ids.
do $do$
declare
    home text;
begin
    select n.nspname into home
      from pg_extension e join pg_namespace n on n.oid = e.extnamespace
     where e.extname = 'uuid-ossp';
    execute format($sql$
        create function request_id(campaign uuid, content uuid) returns uuid
        language sql immutable strict parallel safe
        as $f$ select %I.uuid_generate_v5(campaign, content::text) $f$
    $sql$, home);
end
$do$;

create function rfc3339(t timestamptz) returns text
language sql stable strict parallel safe
as $f$ select to_char(t at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $f$;

-- Is a campaign's --window ("22:00-06:00" or "22:00-06:00@Europe/Berlin") open at t? Without a zone:
-- this server's. A window whose end is before its start goes over midnight.
create function window_is_open(w text, t timestamptz) returns boolean
language sql stable parallel safe
as $f$
    select case when x.opens <= x.closes then x.at >= x.opens and x.at < x.closes
                else x.at >= x.opens or x.at < x.closes end
      from (select split_part(split_part(w, '@', 1), '-', 1)::time as opens,
                   split_part(split_part(w, '@', 1), '-', 2)::time as closes,
                   (t at time zone coalesce(nullif(split_part(w, '@', 2), ''),
                                            current_setting('TimeZone')))::time as at) x
$f$;

create table installation (
    one              boolean primary key default true check (one),
    source           text not null,            -- `source` of every event: names the installation
    group_id         text not null,
    cluster_id       text not null,
    topics           text[] not null,          -- requests, requests high, results, dead letters
    partitions       integer not null,
    created_at       timestamptz not null default now()
);

create table campaign (
    campaign_id      uuid primary key,
    parent           uuid,
    external         boolean not null default false, -- requests that our producer did not make
    name             text,
    reason           text,
    actor            text not null,
    selection        jsonb not null default '{}',
    options          jsonb not null default '{}',
    state            text not null default 'open'
                     check (state in ('open', 'paused', 'cancelling', 'completed', 'cancelled')),
    state_reason     text,
    -- policy
    lane             smallint not null default 0 check (lane in (0, 1)), -- 1: high
    max_attempts     integer not null default 3 check (max_attempts between 1 and 100),
    backoff_min_ms   bigint not null default 30000,
    backoff_max_ms   bigint not null default 600000,
    warm_up          integer not null default 1 check (warm_up >= 0),
    max_inflight     integer check (max_inflight > 0),
    start_interval_ms double precision not null default 0,  -- 0: no start rate
    next_start       timestamptz not null default now(),
    validate         text not null default 'auto' check (validate in ('auto', 'strict', 'off')),
    not_before       timestamptz,
    deadline         timestamptz,
    max_failures     integer check (max_failures > 0),
    max_failures_percent double precision check (max_failures_percent > 0),
    open_window      text,                     -- "22:00-06:00@ZONE"
    on_complete      text,                     -- a URL that is told when the campaign has ended
    on_complete_at   timestamptz,              -- it answered with 2xx
    on_complete_due  timestamptz,              -- tried again then
    on_complete_tries integer not null default 0,
    on_complete_status text,                   -- the last answer, in words
    -- publication: a cursor, not a write per item
    selected         integer not null default 0,
    left_out         integer not null default 0,
    cursor_rank      bigint not null default -1, -- items up to this rank were delivered to Kafka
    last_offset      bigint[] not null default '{}', -- per partition of the lane's topic, 1-based
    lease_holder     text,
    lease_until      timestamptz,
    created_at       timestamptz not null default now(),
    ended_at         timestamptz
);
create index campaign_live on campaign (created_at) where state in ('open', 'paused', 'cancelling');
create index campaign_untold on campaign (ended_at) where on_complete is not null and on_complete_at is null;

create table item (
    request_id       uuid primary key,
    campaign_id      uuid not null references campaign,
    rank             bigint not null check (rank >= 0),
    lane             smallint not null default 0,
    content_guid     uuid not null,
    bundle_id        text,
    app_mode         text,
    title            text,
    name             text,
    owner_guid       text,
    owner_username   text,
    access_type      text,
    r_version        text,
    py_version       text,
    quarto_version   text,
    image_name       text,
    access_paths     text[] not null default '{}',
    groups           text[] not null default '{}', -- keys of runtime_group
    state            text not null default 'waiting'
                     check (state in ('waiting', 'running', 'parked', 'succeeded', 'build_failed',
                                      'access_failed', 'skipped', 'cancelled', 'expired', 'rejected')),
    attempts         integer not null default 0,   -- attempts charged
    due              timestamptz,
    unsent           boolean not null default false,
    requested_at     timestamptz not null default now(),
    -- place: the one record of the request that counts; all three or none
    place_lane       smallint,
    place_partition  integer,
    place_offset     bigint,
    -- outcome
    ended_at         timestamptz,
    last_attempt     uuid,                         -- the attempt that the result speaks of
    error_class      text,
    error_message    text,
    error_retryable  boolean not null default false,
    bundle_built     text,
    access_verdict   text not null default 'not_checked',
    access_checks    jsonb not null default '[]',
    worker_id        text,                         -- who wrote the outcome
    worker_version   text,
    published_at     timestamptz,                  -- set means: the result is out
    check ((place_lane is null) = (place_offset is null)),
    check ((place_partition is null) = (place_offset is null))
);
create unique index item_rank on item (campaign_id, rank);
create index item_content on item (content_guid);
create index item_open on item (campaign_id, rank) where published_at is null;
create index item_place on item (place_lane, place_partition)
    where place_offset is not null and published_at is null;
create index item_parked on item (campaign_id, due) where state = 'parked';
create index item_unsent on item (campaign_id) where unsent;
create index item_failed on item (campaign_id) where state in ('build_failed', 'access_failed');

create table attempt (
    attempt_id       uuid primary key,             -- made by the worker
    request_id       uuid not null,
    campaign_id      uuid not null,
    content_guid     uuid not null,
    n                integer not null,
    token            bigint not null,              -- fencing: who knows it owns the build
    worker_id        text not null,
    worker_version   text not null,
    replica          text not null,
    replica_url      text not null,
    bundle_id        text,
    content_date     timestamptz,                  -- Connect's Date when the content was read
    groups           text[] not null default '{}',
    intent_at        timestamptz not null default now(),
    task_id          text,
    cookies          text,
    judged_jobs      text[] not null default '{}', -- job keys that are not this build's
    adopted          integer not null default 0,   -- how often another worker took it over
    ended_at         timestamptz,                  -- null: open, holds a slot of its replica
    charged          boolean not null default true, -- false: not_started, counts as nothing
    code             integer,
    error_class      text,
    error_message    text,
    log_tail         text[] not null default '{}',
    log_cut          boolean not null default false
);
create index attempt_request on attempt (request_id, n);
create index attempt_content on attempt (content_guid, intent_at);
create unique index attempt_one_open_per_request on attempt (request_id) where ended_at is null;
create unique index attempt_one_open_per_content on attempt (content_guid) where ended_at is null;
create index attempt_open_replica on attempt (replica) where ended_at is null;
create index attempt_open_campaign on attempt (campaign_id) where ended_at is null;

create table replica (
    name             text primary key,
    url              text not null,                -- normalised: lower-case scheme and host, no trailing slash
    max_inflight     integer not null check (max_inflight >= 0), -- set by people
    limit_now        integer not null check (limit_now >= 0),    -- after back-off; never above max_inflight
    limit_changed_at timestamptz not null default now(),
    start_interval_ms double precision not null default 0,
    next_start       timestamptz not null default now(),
    set_by           text,                         -- null: from the workers' configuration
    state            text not null default 'active' check (state in ('active', 'draining', 'removed')),
    seen_at          timestamptz not null default now()
);
create unique index replica_url on replica (url);

create table runtime_group (
    campaign_id      uuid not null references campaign,
    key              text not null,
    started          integer not null default 0,   -- counted while the group is cold
    ended            integer not null default 0,
    restored         integer not null default 0,   -- attempts that ended in a restore, well or badly
    succeeded        integer not null default 0,
    primary key (campaign_id, key)
);

create table worker (
    worker_id        text primary key,
    version          text not null,
    state            text not null check (state in ('starting', 'running', 'draining', 'stopped')),
    in_flight        integer not null default 0,
    waiting          integer not null default 0,
    partitions       integer not null default 0,
    channel          text,                         -- null: does not listen, so it writes no want
    started_at       timestamptz not null default now(),
    last_seen        timestamptz not null default now(),
    want_lane        smallint,
    want_rank        bigint,
    want_until       timestamptz
);
create index worker_want on worker (want_lane desc, want_rank) where want_until is not null;

create table act (
    act_id           bigint generated always as identity primary key,
    act              text not null,                -- enqueue pause resume cancel limit topics.apply ...
    target           text,                         -- a campaign id, a replica, a topic
    details          jsonb not null default '{}',
    actor            text not null,
    reason           text,
    at               timestamptz not null default now()
);
create index act_at on act (at);
