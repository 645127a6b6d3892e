"""What the tests themselves keep to: they wait for things, pass limits and clocks as arguments, and share one loop."""

import ast
import re

from tests.house.test_tree import TREE, named

SUPPORT = TREE / "tests" / "support"
TESTS = sorted((TREE / "tests").rglob("*.py"))
CONSTANT = re.compile(r"_*[A-Z][A-Z0-9_]*")
CLOCKS = {"monotonic", "monotonic_ns", "perf_counter", "time_ns"}
OWN_LOOPS = {
    "tests/catalogue/conftest.py": "each example of a property has a catalogue of its own",
    "tests/clients/gazelle/by_python_gazelle.py": "a program",
    "tests/clients/gazelle/by_python_gazelle_upload.py": "a program",
    "tests/clients/pages/screenshots.py": "a program",
    "tests/contracts/test_search.py": "a catalogue that the tests of a module share",
    "tests/doors/gazelle/client.py": "a client whose calls return the answers",
    "tests/doors/rest/client.py": "a client whose calls return the answers",
    "tests/doors/test_files.py": "a server in a thread",
    "tests/downloads/fetch_magnet.py": "a program",
    "tests/peerage/test_cli_accounts.py": "commands run before and after it, in loops of their own",
    "tests/proof/honest.py": "a program",
    "tests/storage/upload_loop.py": "a program",
    "tests/support/cache_server.py": "a server in a thread",
    "tests/support/feeds.py": "a client whose calls return the answers",
    "tests/support/racing_node.py": "a program",
    "tests/support/torbox.py": "a client whose calls return the answers",
    "tests/support/torrent_api.py": "a client whose calls return the answers",
    "tests/tasks/test_gathering.py": "what ends with a loop",
    "tests/web/site.py": "a browser whose calls return the pages",
}
"""Modules with event loops of their own, and why the plugin's is not the one."""


def found(wrong, where, paths=TESTS):
    """Return the lines at which a node is wrong, by the names of their modules; `where` is in the text of each."""
    lines = {}
    for path in paths:
        text = path.read_text()
        nodes = ast.walk(ast.parse(text)) if re.search(where, text) else ()
        if at := [node.lineno for node in nodes if wrong(node)]:
            lines[named(path)] = at
    return lines


def is_call_of(node, *names):
    return isinstance(node, ast.Call) and ast.unparse(node.func) in names


def is_sleep_of_nothing(node):
    return is_call_of(node, "asyncio.sleep") and ast.unparse(node.args[0]) in {"0", "0.0"}


def patches(node):
    """Return whether a constant or a clock is replaced: by `setattr`, `mock.patch` or an assignment to a module's."""
    if isinstance(node, ast.Assign):
        return any(isinstance(each, ast.Attribute) and CONSTANT.fullmatch(each.attr) for each in node.targets)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    if node.func.attr not in {"setattr", "object", "patch"}:
        return False
    texts = [each.value for each in node.args[:2] if isinstance(each, ast.Constant)]
    name = next((text.rpartition(".")[2] for text in texts if isinstance(text, str)), "")
    return name in CLOCKS or CONSTANT.fullmatch(name) is not None


def test_a_test_waits_for_what_happens_and_counts_no_turns():
    """`tests.support.tasks` has `until` for that, and `turn` and `begun_for` where a count is what is tested."""
    others = [each for each in TESTS if SUPPORT not in each.parents]
    assert found(is_sleep_of_nothing, r"sleep\(0", others) == {}


def test_limits_and_clocks_are_passed_and_not_patched():
    assert found(patches, r"setattr|patch|\.[A-Z][A-Z0-9_]* = ") == {}


def test_there_is_one_clock_that_is_set_by_hand():
    def is_clock(node):
        return isinstance(node, ast.ClassDef) and node.name in {"Clock", "Timer"}

    assert list(found(is_clock, r"class (Clock|Timer)")) == ["tests/support/clock.py"]


def test_who_has_an_event_loop_of_its_own_says_why():
    own = found(lambda node: is_call_of(node, "asyncio.run", "asyncio.Runner"), r"asyncio\.[rR]un")
    assert set(own) == set(OWN_LOOPS)
