"""Which content a selection picks, from tables as installations have them: `list` on PostgreSQL."""

import pytest


def guid(i):
    return f"00000000-0000-4000-8000-{i:012d}"


ITEMS = """
0|100|shiny|Sales dashboard|ann|4.1.2|null|null|all|weekly,finance|2024-01-10T10:00:00Z
1|101|api|100% _odd_|bob|4.10.0|null|imgA|acl|finance|2024-02-10T10:00:00Z
2|102|rmd-static|Übersicht|ann|4.2.0|3.9.1|imgB|logged_in|null|2024-03-10T10:00:00Z
3|null|unknown|null|null|null|3.11.0rc1|Local|acl|''|null
4|104|python-api|''|''|''|3.10|''|''|weekly|''
5|''|static|sales numbers|bob|R 4.2.3|null|null|all|archive|2024-05-10T10:00:00Z
"""
COLUMNS = ("guid", "bundle_id", "app_mode", "title", "owner_username", "r_version", "py_version",
           "image_name", "access_type", "tags", "last_deployed_time")

# option -> the items that it picks, in the order of their guids
PICKS = {
    "": [0, 1, 2, 3, 4, 5],
    "--published": [0, 1, 2, 4],
    "--unpublished": [3, 5],
    "--content-type=shiny,api": [0, 1],
    "--owner=ann": [0, 2],
    "--owner=": [3, 4],
    "--r-version=>=4.2": [1, 2, 5],
    "--r-version=<4.2": [0],
    "--r-version=>4.1.2,<4.10": [2, 5],
    "--r-version==4.2": [2],
    "--r-version=4.2.*": [2, 5],
    "--r-version=!=4.1.2": [1, 2, 5],
    "--r-version=": [3, 4],
    "--py-version=>=3.10": [3, 4],
    "--py-version==3.11.0": [3],
    "--image=imgA": [1],
    "--image=Local": [0, 3, 4, 5],
    "--image=": [0, 4, 5],
    "--access-type=acl": [1, 3],
    "--tag=finance": [0, 1],
    "--tag=Weekly": [0, 4],
    "--tag=week": [],
    "--tag=": [2, 3],
    "--title-contains=sales": [0, 5],
    "--title-contains=0% _o": [1],
    "--title-contains=ÜBER": [2],
    "--title-contains=": [3, 4],
    "--last-deployed-before=2024-02-10T10:00:00Z": [0],
    "--last-deployed-after=2024-02-10T12:00:00+02:00": [2, 5],
    "--exclude-guid=" + guid(0).upper() + "," + guid(5): [1, 2, 3, 4],
    "--guid=" + guid(3) + "," + guid(1).upper(): [1, 3],
    "--guid=" + guid(9): [],
    "--published --owner=ann --r-version=>=4.2": [2],
}


def rows():
    for line in ITEMS.strip().splitlines():
        fields = [f.strip() for f in line.split("|")]
        yield [guid(int(fields[0]))] + [None if f == "null" else "" if f == "''" else f
                                        for f in fields[1:]]


@pytest.fixture(name="table")
def text_table(bare_pool):
    """Every column is text, as a table that was loaded from CSV has it."""
    bare_pool.sql("create table public.content (" + ", ".join(f"{c} text" for c in COLUMNS) + ")")
    for row in rows():
        bare_pool.sql("insert into public.content values (" + ", ".join(["%s"] * len(row)) + ")",
                      row)
    return bare_pool


def picked(pool, *args, **env):
    return [int(r["guid"][-2:]) for r in pool.json("list", *args, env=env)]


def test_filters(table):
    got = {option: sorted(picked(table, *option.split(" --") if " --" not in option else
                                 ["--" + o.removeprefix("--") for o in option.split(" --")]))
           if option else picked(table, "--order-by", "guid") for option in PICKS}
    assert got == PICKS


def test_orders(table):
    assert picked(table)[:4] == [5, 2, 1, 0]  # by last deployment
    assert picked(table, "--order-by", "guid") == [0, 1, 2, 3, 4, 5]
    assert picked(table, "--order-by", "title")[:3] == [1, 0, 5]
    assert picked(table, "--limit", "2") == [5, 2]
    fallen_back = table.producer("list", "--order-by", "usage")
    assert "no column usage" in fallen_back.stderr
    table.sql("alter table public.content add usage text")
    table.sql("update public.content set usage ="
              " case guid when %s then '10' when %s then '9.5' when %s then 'n/a' end",
              [guid(3), guid(0), guid(1)])
    assert picked(table)[:3] == [3, 0, 5]
    assert picked(table, "--order-by", "usage")[:3] == [3, 0, 5]
    assert picked(table, "--guid", guid(4), "--guid", guid(0)) == [4, 0]
    assert picked(table, "--guid", guid(4), "--guid", guid(0), "--order-by", "usage") == [0, 4]


TYPES = """
create type public.mode as enum ('shiny', 'api');
create table public."Odd Content" (guid uuid, bundle_id double precision, app_mode public.mode,
    title varchar(40), locked integer, tags text[], r_version char(10), image_name text,
    usage numeric, last_deployed_time timestamp, created_time date);
insert into public."Odd Content" values
    ('{0}', 100, 'shiny', 'a', 1, array['one', 'two words'], '4.1.2', null, 3.5,
     '2024-01-10 10:00', '2024-01-01'),
    ('{1}', null, 'api', 'b', 0, '{{}}', '', '', null, '2024-01-10 12:00', null),
    (null, 7, 'api', 'no guid', 0, null, null, null, null, null, null);
create table public.tagged (guid text, bundle_id text, app_mode text, tags jsonb);
insert into public.tagged values
    ('{0}', '1', 'shiny', '["one", "two"]'),
    ('{1}', '1', 'shiny', '[{{"id": "3", "name": "one"}}, {{"id": "4", "name": "x y"}}]'),
    ('{2}', '1', 'shiny', null);
"""


def test_columns_of_other_types(bare_pool):
    bare_pool.sql(TYPES.format(*(guid(i) for i in range(3))))
    odd = {"REBUILD_CONTENT_TABLE": 'public."Odd Content"'}
    listed = {int(r["guid"][-2:]): r for r in bare_pool.json("list", env=odd)}
    assert {k: r["bundle_id"] for k, r in listed.items()} == {0: "100", 1: None}
    assert [listed[0]["locked"], listed[1]["locked"]] == [True, False]
    assert listed[0]["r_version"] == "4.1.2" and listed[1]["r_version"] is None
    for option, want in {"--tag=two words": [0], "--tag=two": [], "--r-version=4.1.2": [0],
                         "--content-type=api": [1], "--published": [0], "--order-by=usage": [0, 1],
                         "--last-deployed-after=2024-01-10T11:00:00Z": [1],
                         "--order-by=created": [0, 1]}.items():
        assert picked(bare_pool, option, **odd) == want, option
    tagged = {"REBUILD_CONTENT_TABLE": "tagged"}
    assert picked(bare_pool, "--tag", "one", "--order-by", "guid", **tagged) == [0, 1]
    assert picked(bare_pool, "--tag", "x y", **tagged) == [1]
    assert picked(bare_pool, "--tag", "3", **tagged) == []


def test_names_of_tables(bare_pool):
    bare_pool.sql("create schema \"Sp ace\";"
                  "create table \"Sp ace\".\"Con\"\"tent\" (guid text, bundle_id text,"
                  " app_mode text);"
                  "create table \"Sp ace\".\"Köln\" (guid text, bundle_id text, app_mode text);"
                  f"insert into \"Sp ace\".\"Köln\" values ('{guid(2)}', '1', 'shiny');"
                  f"insert into \"Sp ace\".\"Con\"\"tent\" values ('{guid(1)}', '1', 'shiny');"
                  "create view public.Shown as select * from \"Sp ace\".\"Con\"\"tent\" union all"
                  " select * from \"Sp ace\".\"Con\"\"tent\"")
    for name in ('"Sp ace"."Con""tent"', "shown", "SHOWN", "public.shown"):
        assert picked(bare_pool, "--content-table", name) == [1], name
    assert picked(bare_pool, "--content-table", "Sp ace.Köln") == [2]


def test_rows_that_are_no_content_are_counted_and_stop_nothing(pool):
    pool.sql("create table public.content (guid text, bundle_id text, app_mode text, title text)")
    pool.sql("insert into public.content values (%s, '1', 'shiny', %s), (%s, '2', 'api', null),"
             " ('not-a-guid', '3', 'shiny', 'x'), (null, '4', 'shiny', 'y'), ('', '5', '', ''),"
             " (%s, %s, %s, %s)",
             [guid(0).upper(), "T" * 5000, f"  {guid(1)} ", guid(2), "b" * 100, "m" * 40,
              "\x1b[31m\n"])
    done = pool.producer("enqueue", "-y", "-o", "json")
    assert '"selected":3' in done.stdout and "3 rows" in done.stderr
    campaign = pool.json("campaigns")[0]["campaign_id"]
    items = {int(i["content_guid"][-1]): i for i in pool.json("items", campaign)}
    assert len(items[0]["title"]) == 1024
    assert items[2]["bundle_id"] is None and items[2]["app_mode"] is None
    assert pool.status(campaign)["published"] == 3
