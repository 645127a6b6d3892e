"""Every fuzz target: its seeds, among them what a fuzzer has found once, and a short run by chance."""

import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fuzz.blind import HERE, inputs_of, run_blindly, seeds_of, words
from tests.fuzz.targets import exchanges, files, formats, requests, texts
from tests.fuzz.targets.target import Target

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

TARGETS = [target for subject in (exchanges, files, formats, requests, texts) for target in subject.TARGETS]
SAMPLE = 400


@pytest.fixture(params=TARGETS, ids=lambda target: target.name)
def target(request):
    return request.param


def test_the_properties_hold_for_every_seed(target):
    for data in inputs_of(seeds_of(target)):
        target.check(data)


def test_the_properties_hold_by_chance(target, tmp_path, capsys):
    seed = random.randrange(10**6)
    failed = run_blindly(target, seeds_of(target), f"{tmp_path}/", seed, inputs=SAMPLE)
    assert not failed, f"seed {seed}; the input and what broke are in the output"
    assert f"Done {SAMPLE}" in capsys.readouterr().out


def test_every_target_has_seeds_and_every_folder_a_target():
    assert all(inputs_of(seeds_of(target))[1:] for target in TARGETS)
    assert {each.name for each in (HERE / "seeds").iterdir()} <= {target.name for target in TARGETS}
    assert len(words()) > 50


def refuses_nothing_with_a_three(data):
    assert b"3" not in data


def test_an_input_that_breaks_a_property_is_kept(tmp_path, capsys):
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "one").write_bytes(b"123")
    broken = Target(refuses_nothing_with_a_three, 1)
    assert run_blindly(broken, [tmp_path / "seeds"], f"{tmp_path}/", 1, inputs=10) == 1
    said = capsys.readouterr()
    kept = Path(said.out.split("written to ")[1].strip())
    assert kept.read_bytes() == b"123"
    assert "AssertionError" in said.err
    assert run_blindly(replace(broken, longest=2), [tmp_path / "seeds"], f"{tmp_path}/", 1, inputs=1) == 0


def test_one_command_fuzzes_and_one_replays(tmp_path):
    module = [sys.executable, "-m", "tests.fuzz"]
    ran = subprocess.run(
        [*module, "--inputs", "200", "passkey-path"], capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "200 inputs" in ran.stdout
    assert "no complaint" in ran.stdout
    (tmp_path / "input").write_bytes(b"/announce/key")
    again = subprocess.run(
        [*module, "--replay", str(tmp_path / "input"), "passkey-path"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert again.returncode == 0
