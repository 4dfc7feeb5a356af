"""Bad input to rebuild-producer: the exit code, one clear sentence, and nothing half done."""

import os

import pytest

GUID = "11111111-1111-4111-8111-111111111111"
NOWHERE = "127.0.0.1:1"  # the port of tcpmux, which nobody serves


def refused(pool, *args, status, says, **options):
    """Exits with status, prints nothing on stdout and one sentence on stderr that has all of says.
    """
    done = pool.producer(*args, status=status, **options)
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("rebuild-producer: ")
    for part in [says] if isinstance(says, str) else says:
        assert part in lines[0]


def content(pool, columns="guid uuid, bundle_id bigint, app_mode text", rows=1):
    pool.sql(f"create table public.content ({columns})")
    if rows:
        pool.sql("insert into public.content (guid, bundle_id, app_mode) values (%s, 7, 'shiny')",
                 (GUID,))


def nothing_was_written(pool):
    assert pool.sql("select * from campaign") == []
    assert pool.sql("select * from item") == []
    assert pool.sql("select * from act where act = 'enqueue'") == []


# ---- words -------------------------------------------------------------------------------------

WORDS = {
    "verb": (["enqeue"], "unknown verb \"enqeue\"; did you mean enqueue?"),
    "verb far away": (["frobnicate"], "unknown verb \"frobnicate\""),
    "option": (["list", "--ower", "x"], ["--ower", "did you mean --owner"]),
    "option of another verb": (["list", "--max-attempts", "3"], "--max-attempts"),
    "operand": (["list", "now"], "list takes no operand \"now\""),
    "no operand": (["status"], "status needs CAMPAIGN"),
    "neither plan nor apply": (["topics", "aply"], "\"aply\" is neither plan nor apply"),
    "out of range": (["enqueue", "--max-attempts", "0"], ["--max-attempts", "from 1 to 20"]),
    "no number": (["enqueue", "--limit", "many"], ["--limit", "many"]),
    "no duration": (["enqueue", "--backoff", "soon"], ["--backoff", "soon"]),
    "no choice": (["enqueue", "--lane", "fast"], ["--lane", "normal, high"]),
    "contradiction": (["list", "--published", "--unpublished"], "exclude each other"),
    "no guid": (["list", "--guid", "1234-"], ["--guid", "1234-"]),
    "since without reprocess": (["enqueue", "--since", "1d"], "--since needs --reprocess"),
    "deadline in the past": (["enqueue", "--deadline", "2001-01-01T00:00:00Z"], "is over"),
    "no campaign id": (["enqueue", "--campaign-id", "7"], ["--campaign-id", "a UUID"]),
    "password as option": (["list", "--database-url", "postgresql://u:p@h/d"],
                           ["--database-url", "process list"]),
    "key as option": (["doctor", "--connect-api-key=abc"], ["--connect-api-key", "process list"]),
    "broken kafka property": (["topics", "plan", "-X", "linger.ms"], "linger.ms"),
}


@pytest.mark.parametrize("name", WORDS)
def test_words_that_are_not_understood(bare_pool, name):
    args, says = WORDS[name]
    refused(bare_pool, *args, status=2, says=says)


def test_no_verb_at_all_shows_the_verbs_and_is_an_error(bare_pool):
    done = bare_pool.producer(status=2)
    assert done.stdout == "" and "Usage: rebuild-producer VERB" in done.stderr


def test_help_is_no_error_and_has_two_examples(bare_pool):
    usage = bare_pool.producer("--help").stdout
    verbs = [line.split()[0] for line in
             usage.split("Verbs:\n")[1].split("\n\n")[0].splitlines()]
    assert "enqueue" in verbs and "doctor" in verbs
    for verb in verbs:
        shown = bare_pool.producer(verb, "--help").stdout
        assert shown.startswith(f"Usage: rebuild-producer {verb}")
        examples = shown.split("Examples:\n")[1].split("\n\n")[0].splitlines()
        assert [line.startswith(f"  rebuild-producer {verb}") for line in examples] == [True] * 2
        assert "REBUILD_DATABASE_URL" in shown


@pytest.mark.parametrize("mode, content_of, says", [
    (0o644, "secret", "mode"), (0o600, "", "empty"), (None, None, "No such file")])
def test_a_secret_file_that_cannot_be_trusted_or_read(bare_pool, tmp_path, mode, content_of, says):
    path = tmp_path / "url"
    if mode is not None:
        path.write_text(content_of)
        os.chmod(path, mode)
    env = {"REBUILD_DATABASE_URL": "", "REBUILD_DATABASE_URL_FILE": str(path)}
    done = bare_pool.producer("list", status=2, env=env)
    assert str(path) in done.stderr and len(done.stderr.splitlines()) == 1
    if mode == 0o644:
        assert "0640" in done.stderr
    else:
        assert says in done.stderr


def test_an_unknown_key_in_the_file(bare_pool, tmp_path):
    path = tmp_path / "conf"
    path.write_text("content-tabel = x\n")
    refused(bare_pool, "list", "--config", str(path), status=2,
            says=[f"{path}:1", "content-tabel", "content-table"])


# ---- selection ---------------------------------------------------------------------------------


@pytest.mark.parametrize("expression", [">4.x", "=>4.1", ">=", "latest", "4.1;4.2", ">=4.2.*"])
def test_a_bad_version_expression(pool, expression):
    content(pool, "guid uuid, bundle_id bigint, app_mode text, r_version text")
    for verb in (["list"], ["enqueue", "-y"]):
        refused(pool, *verb, "--r-version", expression, status=2,
                says=["--r-version", f"\"{expression}\""])
    nothing_was_written(pool)


def test_a_column_that_the_table_lacks(pool):
    content(pool)
    for option, column in {"--owner=x": "owner_username", "--r-version=>4": "r_version",
                           "--image=x": "image_name", "--tag=x": "tags",
                           "--title-contains=x": "title", "--access-type=all": "access_type",
                           "--last-deployed-before=1d": "last_deployed_time",
                           "--order-by=created": "created_time"}.items():
        refused(pool, "enqueue", "-y", option, status=2,
                says=[option.split("=", maxsplit=1)[0], f"no column {column}"])
    refused(pool, "list", "--columns", "guid,titel", status=2,
            says=["--columns", "\"titel\"", "did you mean title"])
    nothing_was_written(pool)


def test_a_content_table_that_is_not_there_or_lacks_what_is_needed(pool):
    refused(pool, "enqueue", "-y", status=2, says="the content table content does not exist")
    refused(pool, "list", "--content-table", "no such.table", status=2, says="no such.table")
    refused(pool, "list", "--content-table", "a.b.c", status=2, says="a.b.c does not exist")
    pool.sql("create table public.content (guid text, app_mode text)")
    refused(pool, "enqueue", "-y", status=2,
            says="the content table content has no column bundle_id")
    nothing_was_written(pool)


def test_a_content_table_that_may_not_be_read(pool):
    content(pool)
    pool.sql("create role stranger login password 'x'; grant usage on schema rebuild to stranger;"
             "grant select on all tables in schema rebuild to stranger")
    try:
        url = pool.database_url.replace(pool.database_url.split("//")[1].split("@")[0],
                                        "stranger:x")
        refused(pool, "list", status=6, says="may not read the content table content",
                env={"REBUILD_DATABASE_URL": url})
    finally:
        pool.sql("drop owned by stranger; drop role stranger")


def test_a_malformed_line_in_a_list(pool, tmp_path):
    content(pool)
    path = tmp_path / "guids"
    path.write_text(f"# tonight\n{GUID}\n\n4711 \n")
    refused(pool, "enqueue", "-y", "--guids-from", str(path), status=2,
            says=f"{path}: line 4: \"4711\" is not a content guid")
    refused(pool, "enqueue", "-y", "--guids-from", "-", status=2, text="x\n",
            says="standard input: line 1: \"x\" is not a content guid")
    path.write_text(f"guid,access_paths\n{GUID},/a\nnope,/b\n")
    refused(pool, "enqueue", "-y", "--important", str(path), status=2,
            says=f"{path}: line 3: \"nope\" is not a content guid")
    refused(pool, "enqueue", "-y", "--important", str(tmp_path / "gone"), status=2,
            says="cannot be opened")
    nothing_was_written(pool)


def test_more_than_confirm_above_needs_yes(pool):
    content(pool)
    refused(pool, "enqueue", "--confirm-above", "0", status=5, says=["1 items", "--yes"])
    nothing_was_written(pool)


# ---- what is not reached -----------------------------------------------------------------------


def test_a_database_that_cannot_be_used(bare_pool, stack):
    away = {"REBUILD_DATABASE_URL": f"postgresql://x@{NOWHERE}/x"}
    refused(bare_pool, "list", status=3, says="database: ", env=away)
    refused(bare_pool, "list", status=2, says="no_such_database",
            env={"REBUILD_DATABASE_URL": stack.url("no_such_database")})
    password = bare_pool.database_url.split(":")[2].split("@")[0]
    refused(bare_pool, "list", status=6, says="password authentication failed",
            env={"REBUILD_DATABASE_URL": bare_pool.database_url.replace(password, "wrong")})
    refused(bare_pool, "list", status=2, says="port",
            env={"REBUILD_DATABASE_URL": "host=127.0.0.1 port=none"})


def test_brokers_that_do_not_answer(pool):
    content(pool)
    away = {"REBUILD_KAFKA_BOOTSTRAP_SERVERS": NOWHERE}
    refused(pool, "enqueue", "-y", status=3, says="broker", env=away)
    refused(pool, "topics", "plan", status=3, says="broker", env=away)
    nothing_was_written(pool)


def test_no_broker_is_named(pool):
    refused(pool, "topics", "plan", status=2, says="BOOTSTRAP_SERVERS",
            env={"REBUILD_KAFKA_BOOTSTRAP_SERVERS": ""})


def test_topics_that_are_missing(pool):
    content(pool)
    pool.broker.delete_topics(pool.topic("requests.high"))
    refused(pool, "enqueue", "-y", status=2,
            says=[pool.topic("requests.high"), "does not exist", "topics apply"])
    nothing_was_written(pool)


def test_topics_that_were_never_set_up(bare_pool):
    bare_pool.producer("migrate")
    content(bare_pool)
    refused(bare_pool, "enqueue", "-y", status=2, says="topics apply")
    nothing_was_written(bare_pool)


# ---- the ledger --------------------------------------------------------------------------------


def test_a_database_without_a_ledger(bare_pool):
    for args in (["topics", "apply"], ["enqueue", "-y"], ["status", "x"], ["campaigns"]):
        refused(bare_pool, *args, status=2, says="rebuild-producer migrate")
    assert bare_pool.broker.topics(bare_pool.prefix) == []


def test_a_newer_ledger(pool):
    content(pool)
    pool.sql("insert into schema_version (version, name) values (999, 'future')")
    for args in (["migrate"], ["enqueue", "-y"], ["topics", "plan"], ["status", "x"]):
        refused(pool, *args, status=2, says=["999", "newer", "update this program"])
    nothing_was_written(pool)


def test_a_newer_ledger_that_suits_this_program(pool):
    content(pool)
    pool.sql("insert into schema_version (version, name, compatible_from) values (999, 'x', 1)")
    assert pool.json("enqueue", "-y")["selected"] == 1
    refused(pool, "migrate", status=2, says="newer")


def test_an_older_ledger(pool):
    pool.sql("update schema_version set version = 0, name = 'past'")
    refused(pool, "campaigns", status=2, says="rebuild-producer migrate")


def test_another_group_cluster_or_topics_than_the_ledger_belongs_to(pool):
    content(pool)
    refused(pool, "enqueue", "-y", status=5, says="consumer group",
            env={"REBUILD_KAFKA_GROUP_ID": "other"})
    refused(pool, "topics", "apply", status=5, says="topics",
            env={"REBUILD_TOPIC_PREFIX": pool.prefix + "other."})
    assert not pool.broker.topics(pool.prefix + "other.")
    pool.sql("update installation set cluster_id = 'elsewhere'")
    refused(pool, "enqueue", "-y", status=5, says=["cluster", "elsewhere"])
    nothing_was_written(pool)


def test_a_campaign_that_is_not_there(pool):
    refused(pool, "status", "nightly", status=2, says="there is no campaign \"nightly\"")
    refused(pool, "items", GUID, status=2, says=GUID)
    refused(pool, "history", "x", status=2, says="\"x\" is not a content guid")
