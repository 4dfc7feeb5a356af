"""The worker's own statements, as worker/sql.c has them, for tests that send them themselves."""

import os
import re

from services import ROOT

DEFINITION = re.compile(r"^const char (SQL_\w+)\[\] =(.*?);$", re.DOTALL | re.MULTILINE)
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')


def statements(schema="rebuild"):
    """{name: text with $1, $2, ...}"""
    with open(os.path.join(ROOT, "worker", "sql.c"), encoding="utf-8") as source:
        code = re.sub(r"/\*.*?\*/", "", source.read(), flags=re.DOTALL)
    found = {}
    for name, body in DEFINITION.findall(code):
        text = "".join(LITERAL.findall(body)).replace(r"\\", "\\").replace(r"\"", '"')
        found[name] = re.sub(r"@(?=[a-z])", schema + ".", text)
    return found
