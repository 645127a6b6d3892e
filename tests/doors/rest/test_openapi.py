import json
import os
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from accounts.rights import Right, Rights
from doors.rest.door import OPERATIONS
from doors.rest.envelope import CODES
from doors.rest.openapi import document, schema_of, statuses
from tests.support.processes import ROOT

RIGHTS = Rights(frozenset({Right.READ, Right.DOWNLOAD}))
DOCUMENT = document(OPERATIONS, RIGHTS, title="Test", version="1.0.0", base="/api")


def operation_name(operation):
    return operation.name


def described(operation):
    return DOCUMENT["paths"][operation.path][operation.method.lower()]


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_the_document_is_json_of_openapi_3_1():
    assert json.loads(json.dumps(DOCUMENT)) == DOCUMENT
    assert DOCUMENT["openapi"] == "3.1.0"


DESCRIBED = "import json; from doors.rest import openapi; print(json.dumps([openapi._error_response(s) for s in openapi.CODES]))"


def test_the_document_is_the_same_in_every_process():
    described = {
        subprocess.run(
            [sys.executable, "-c", DESCRIBED],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in range(5)
    }
    assert len(described) == 1


def test_every_reference_leads_somewhere():
    for reference in set(references(DOCUMENT)):
        place = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert place


def test_operations_are_named_once_and_no_path_declares_a_method_twice():
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
    assert len({(operation.method, operation.path) for operation in OPERATIONS}) == len(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS, ids=operation_name)
def test_an_operation_describes_its_parameters_its_body_and_every_status(operation):
    described_as = described(operation)
    in_path = [each["name"] for each in described_as.get("parameters", []) if each["in"] == "path"]
    in_query = {each["name"] for each in described_as.get("parameters", []) if each["in"] == "query"}
    assert in_path == re.findall(r"{(\w+)}", operation.path)
    assert in_query == set(operation.query)
    assert ("requestBody" in described_as) == (operation.body is not None)
    assert {str(status) for status in statuses(operation)} < set(described_as["responses"])
    assert all(status in CODES for status in statuses(operation))


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.answers], ids=operation_name)
def test_an_answer_is_described_field_by_field(operation):
    assert is_dataclass(operation.answers)
    schema = DOCUMENT["components"]["schemas"][operation.answers.__name__]
    assert list(schema["properties"]) == [field.name for field in fields(operation.answers)]
    assert set(schema["required"]) == set(schema["properties"])


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.body], ids=operation_name)
def test_what_is_required_can_be_said(operation):
    assert set(operation.required) <= set(operation.body)


def test_what_anyone_may_do_is_described_as_that():
    listing = DOCUMENT["paths"]["/torrents"]["get"]["security"]
    upload = DOCUMENT["paths"]["/torrents"]["post"]["security"]
    assert {} in listing
    assert upload == [{"bearer": []}, {"session": [], "csrf": []}]
    closed = document(OPERATIONS, Rights(frozenset()), title="Test", version="1", base="/api")
    assert {} not in closed["paths"]["/torrents"]["get"]["security"]


def test_only_what_is_read_by_anyone_or_changes_nothing_has_no_right():
    free = {each.name for each in OPERATIONS if each.right is None and not each.account}
    assert free == {"logIn", "addUser", "askForLink"}


def test_limits_are_those_of_the_catalogue():
    for operation in OPERATIONS:
        for field in (operation.body or {}).values():
            longest = getattr(field, "longest", None)
            described_as = schema_of(field)
            assert longest is None or longest == described_as.get(
                "maxLength", described_as.get("items", {}).get("maxLength")
            )


def test_the_page_of_the_api_names_every_operation_with_its_right_and_status():
    page = (Path(__file__).parents[3] / "docs" / "apis" / "rest.md").read_text()
    rows = [line.strip("|").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    described_as = {row[0].strip(" `"): (row[1].strip(), int(row[3])) for row in rows}
    assert described_as == {f"{each.method} {each.path}": (needs(each), status(each)) for each in OPERATIONS}


def needs(operation):
    right = [f"`{operation.right.value}`"] if operation.right is not None else []
    return ", ".join([*right, *(["account"] if operation.account else [])]) or "–"


def status(operation):
    bare = operation.answers is None and operation.media is None
    return 204 if bare else operation.status
