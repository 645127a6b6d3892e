import json
from dataclasses import dataclass

import pytest

from bittorrent.refusal import REASONS, Refusal
from doors.rest import envelope
from doors.rest.operation import Listing


@dataclass(frozen=True, slots=True)
class Example:
    id: int
    title: str


def read(response):
    return json.loads(response.body)


async def test_one_thing_is_wrapped_as_on_the_page():
    response = await envelope.object_response(Example(1, "Example"), 200)
    assert response.status_code == 200
    assert read(response) == {"success": True, "data": {"id": 1, "title": "Example"}}


def test_a_collection_is_wrapped_as_on_the_page():
    response = envelope.collection_response(
        Listing([Example(1, "Example 1"), Example(2, "Example 2")], 500, 1, 50)
    )
    assert read(response) == {
        "success": True,
        "data": [{"id": 1, "title": "Example 1"}, {"id": 2, "title": "Example 2"}],
        "meta": {"current_page": 1, "per_page": 50, "total": 500, "total_pages": 10},
    }


@pytest.mark.parametrize(("total", "pages"), [(0, 0), (1, 1), (50, 1), (51, 2)])
def test_pages_are_counted(total, pages):
    assert read(envelope.collection_response(Listing([], total, 7, 50)))["meta"]["total_pages"] == pages


def test_a_search_says_how_exact_it_is_and_how_to_ask_for_the_same_again():
    meta = read(envelope.collection_response(Listing([], 0, 1, 50, exact=False, as_of=0)))["meta"]
    assert meta["exact"] is False
    assert meta["as_of"] == 0


def test_a_failed_validation_looks_as_on_the_page():
    refusal = Refusal("invalid", fields={"title": ["The title field is required."]})
    response = envelope.error_response(refusal)
    assert response.status_code == 422
    assert read(response) == {
        "success": False,
        "error": {
            "code": "VALIDATION_ERROR",
            "message": "Validation failed",
            "details": {"title": ["The title field is required."]},
        },
    }


@pytest.mark.parametrize("code", REASONS)
def test_every_refusal_has_its_status_a_code_and_details_for_validation_alone(code):
    response = envelope.error_response(Refusal(code))
    told = read(response)["error"]
    assert response.status_code == REASONS[code].status
    assert ("details" in told) == (response.status_code == 422)
    assert told["message"]
    assert told["code"] == envelope.code_of(response.status_code)


async def test_half_a_character_is_answered_as_what_can_be_sent():
    response = await envelope.object_response(Example(1, "a\ud800b"), 200)
    assert read(response)["data"]["title"] == "a?b"
