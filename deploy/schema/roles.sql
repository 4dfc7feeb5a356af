-- The three roles and their least rights; run by `rebuild-producer migrate` after the migrations
-- where it may, printed by it otherwise. Idempotent. search_path is the ledger's schema.
do $do$
declare
    role text;
begin
    foreach role in array array['rebuild_operator', 'rebuild_worker', 'rebuild_reader'] loop
        begin
            if not exists (select 1 from pg_roles where rolname = role) then
                execute format('create role %I nologin', role);
            end if;
        exception when duplicate_object or unique_violation then null; -- another migrate was faster
        end;
        execute format('grant usage on schema %I to %I', current_schema(), role);
        execute format('grant execute on all functions in schema %I to %I', current_schema(), role);
        execute format('grant select on all tables in schema %I to %I', current_schema(), role);
    end loop;
end
$do$;

grant insert, update on campaign, item, runtime_group, replica, installation, worker to rebuild_operator;
grant insert on act to rebuild_operator;
grant delete on campaign, item, attempt, runtime_group, worker to rebuild_operator; -- prune
grant update (ended_at, charged, error_message) on attempt to rebuild_operator; -- requeue

grant insert, update on attempt, replica, runtime_group, worker to rebuild_worker;
grant insert, update on campaign, item to rebuild_worker; -- insert: external requests
grant delete on worker to rebuild_worker;
grant insert on act to rebuild_worker; -- back-off and guards act too
