"""The JSON Schemas of our events: valid themselves, they take the kept samples and refuse the rest.

Samples are never changed, only added: an old one that a new schema refuses is a broken promise.
"""

import copy
import json
import pathlib

import jsonschema
import pytest

EVENTS = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "schema" / "events"
SAMPLES = sorted((EVENTS / "samples").glob("*.json"))
REQUEST = "request.v1"
RESULT = "result.v1"


def schema(name):
    return json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))


def validator(name):
    return jsonschema.Draft202012Validator(schema(name))


def sample(name):
    return json.loads((EVENTS / "samples" / f"{name}.json").read_text(encoding="utf-8"))


def put(event, path, value):
    """A copy of event with the member at path (dots between names) set, or taken out by None."""
    event = copy.deepcopy(event)
    *parents, last = path.split(".")
    place = event
    for name in parents:
        place = place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return event


@pytest.mark.parametrize("name", [REQUEST, RESULT])
def test_a_schema_is_a_schema_and_named_as_the_events_name_it(name):
    jsonschema.Draft202012Validator.check_schema(schema(name))
    assert schema(name)["$id"] == f"https://connect-rebuild.org/schemas/{name}.json"
    for path in SAMPLES:
        event = json.loads(path.read_text(encoding="utf-8"))
        if path.name.startswith(name) and "dataschema" in event:
            assert event["dataschema"] == schema(name)["$id"]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_each_kept_sample_fits_its_schema(path):
    name = ".".join(path.name.split(".")[:2])
    validator(name).validate(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name, path", [
    (REQUEST, "specversion"), (REQUEST, "id"), (REQUEST, "source"), (REQUEST, "type"),
    (REQUEST, "data"), (REQUEST, "data.request_id"), (REQUEST, "data.content"),
    (REQUEST, "data.content.guid"), (RESULT, "causationid"), (RESULT, "data.request_id"),
    (RESULT, "data.outcome"), (RESULT, "data.timing.finished_at"), (RESULT, "data.build.code"),
    (RESULT, "data.access.verdict"), (RESULT, "data.error.class"), (RESULT, "data.origin.offset"),
    (RESULT, "data.worker.version"), (RESULT, "data.content.bundle_id"),
])
def test_an_event_without_a_needed_member_is_refused(name, path):
    event = sample("request.v1.whole" if name == REQUEST else "result.v1.build_failed")
    assert validator(name).is_valid(event)
    assert not validator(name).is_valid(put(event, path, None))


@pytest.mark.parametrize("name, path, value", [
    (REQUEST, "specversion", "0.3"), (REQUEST, "type", "org.connect-rebuild.result.v1"),
    (REQUEST, "source", ""), (REQUEST, "data.rank", -1), (REQUEST, "data.rank", 0.5),
    (REQUEST, "data.lane", "express"), (REQUEST, "data.content.guid", "x"),
    (REQUEST, "data.request_id", "00000000-0000-0000-0000-000000000000"),
    (REQUEST, "data.content.bundle_id", "a b"), (REQUEST, "data.requested_at", "yesterday"),
    (REQUEST, "data.access_paths", ["/"] * 17), (REQUEST, "data.access_paths", ["/a\r\nb"]),
    (RESULT, "data.origin.offset", 18231), (RESULT, "data.attempt", -1),
    (RESULT, "data.build.log_tail", [1]), (RESULT, "data.outcome", ""),
    (RESULT, "data.timing.build_s", -1), (RESULT, "data.adopted", "no"),
])
def test_a_member_of_another_kind_is_refused(name, path, value):
    event = sample("request.v1.whole" if name == REQUEST else "result.v1.build_failed")
    assert not validator(name).is_valid(put(event, path, value))


@pytest.mark.parametrize("name, path, value", [
    (REQUEST, "data.content.bundle_id", 142), (REQUEST, "data.later", {"a": 1}),
    (REQUEST, "later", "x"), (RESULT, "data.outcome", "postponed"), (RESULT, "data.later", [1]),
])
def test_what_a_later_version_may_add_is_taken(name, path, value):
    event = sample("request.v1.whole" if name == REQUEST else "result.v1.build_failed")
    validator(name).validate(put(event, path, value))
