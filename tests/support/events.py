"""What every event must be, whatever the test is about: it fits its schema, and its headers say the
same as its members."""

import json
import os
import re
import uuid

import jsonschema

from services import ROOT

MEDIA_TYPE = "application/cloudevents+json; charset=UTF-8"
MEMBERS = ("id", "source", "specversion", "type", "time", "subject")
TRACE = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
EMPTY_TRACE = "00-" + "0" * 32


def validator(kind):
    path = os.path.join(ROOT, "deploy", "schema", "events", f"{kind}.v1.json")
    with open(path, encoding="utf-8") as schema:
        return jsonschema.Draft202012Validator(json.load(schema))


VALIDATORS = {kind: validator(kind) for kind in ("request", "result")}


def check_event(record, kind):
    """kind is request or result. Returns the event's data."""
    event = record.value
    assert event is not None, f"{record} is not JSON"
    VALIDATORS[kind].validate(event)
    assert record.headers.get("content-type") == MEDIA_TYPE
    for name in MEMBERS:
        assert record.headers.get("ce_" + name) == event[name], f"{record}: header ce_{name}"
    assert event["type"] == f"org.connect-rebuild.{kind}.v1"
    assert event["id"] == str(uuid.uuid5(uuid.UUID(record.request_id), event["type"]))
    trace = record.headers.get("traceparent", "")
    assert TRACE.fullmatch(trace) and not trace.startswith(EMPTY_TRACE), f"{record}: {trace!r}"
    assert record.key.decode() == event["data"]["content"]["guid"]
    return event["data"]
