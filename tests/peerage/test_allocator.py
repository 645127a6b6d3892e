import subprocess
import sys

from tests.support.processes import ROOT

FROZEN = """
import gc
from peerage.allocator import freeze_objects
kept = [[number] for number in range(1000)]
before = gc.get_freeze_count()
freeze_objects()
print(gc.get_freeze_count() - before > 1000, gc.isenabled(), any(each is kept for each in gc.get_objects()))
"""


def test_what_was_made_until_now_is_not_walked_over_again():
    done = subprocess.run(
        [sys.executable, "-c", FROZEN], capture_output=True, text=True, cwd=ROOT, check=True, timeout=60
    )
    assert done.stdout.split() == ["True", "True", "False"]


TUNED = """
import gc, sys
from peerage.allocator import tune_interpreter
full = gc.get_threshold()[2]
tune_interpreter()
print(gc.get_threshold()[0] >= 10_000, gc.get_threshold()[2] == full, gc.isenabled(), sys.getswitchinterval() <= 0.001)
"""


def test_collections_are_rare_but_there_are_some():
    done = subprocess.run(
        [sys.executable, "-c", TUNED], capture_output=True, text=True, cwd=ROOT, check=True, timeout=60
    )
    assert done.stdout.split() == ["True", "True", "True", "True"]
