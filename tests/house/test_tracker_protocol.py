"""docs/tracker-protocol.md and the tests of the tracker's protocol name each other, none left out."""

import ast
import re
from pathlib import Path

TREE = Path(__file__).parents[2]
PAGE = (TREE / "docs" / "tracker-protocol.md").read_text()

FILE = re.compile(r"^\| `([a-z]+)` \| \[(tests/[a-z_/]+\.py)\]", re.MULTILINE)
SENTENCE = re.compile(r"^(\d+)\. (.+)$", re.MULTILINE)
SOURCE = re.compile(
    r"\[(?:BEP|RFC) \d+\]\(https://|\[decision \d+\]\(decisions/|PROXY protocol", re.MULTILINE
)
NAMED = re.compile(r"`([a-z]+)/([a-z0-9_]+)`")
IN_PART = {"private"}
"""Files of which only some tests are on the wire."""


def names_in(path):
    """The names of a file's tests, without `test_`."""
    tree = ast.parse((TREE / path).read_text())
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {node.name.removeprefix("test_") for node in functions if node.name.startswith("test_")}


def existing():
    """Every test of the files that the page names, as it would name them."""
    return {(key, name) for key, path in FILE.findall(PAGE) for name in names_in(path)}


def named():
    """Every test that a sentence names."""
    return {each for _, text in SENTENCE.findall(PAGE) for each in NAMED.findall(text)}


def test_every_sentence_has_a_number_a_source_and_a_test_that_exists():
    sentences = SENTENCE.findall(PAGE)
    assert [int(number) for number, _ in sentences] == list(range(1, len(sentences) + 1))
    assert len(sentences) > 90
    wrong = [text for _, text in sentences if not SOURCE.search(text) or not NAMED.search(text)]
    assert not wrong
    assert not named() - existing()


def test_every_test_of_the_protocol_has_a_sentence():
    keys = {key for key, _ in FILE.findall(PAGE)} - IN_PART
    assert {each for each in existing() - named() if each[0] in keys} == set()


def test_every_suite_of_a_door_or_of_swarms_counts():
    """A suite of contracts that drives the tracker's doors is one of the page's files."""
    counted = {path for _, path in FILE.findall(PAGE)}
    suites = {
        str(path.relative_to(TREE))
        for path in (TREE / "tests" / "contracts").glob("test_*.py")
        if "announce_paths" in path.read_text()
    }
    assert suites <= counted
