"""What makes releases, as far as it is cheap to run: versions, changes, bytes, the audit's word, the package's files."""

import gzip
import io
import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]
FOLDER = TREE / "release"


@pytest.fixture
def parts(monkeypatch):
    """The modules of the folder, which is no package: they are run as scripts."""
    monkeypatch.syspath_prepend(FOLDER)
    names = ("source", "dist", "release", "audit", "deb")
    import importlib

    yield {name: importlib.import_module(name) for name in names}
    for name in (*names, "dist_check"):
        sys.modules.pop(name, None)


@pytest.fixture
def repository(tmp_path):
    """A tree with a version in git, and what commits to it."""
    tree = tmp_path / "tree"
    (tree / "peerage").mkdir(parents=True)
    (tree / "pyproject.toml").write_text('[project]\nname = "peerage"\nversion = "0.1.0"\n')
    (tree / "peerage" / "__init__.py").write_text('__version__ = "0.1.0"\n')
    identity = ("-c", "user.name=t", "-c", "user.email=t@t")

    def git(*words):
        subprocess.run(["git", *identity, *words], cwd=tree, check=True, capture_output=True)

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    return tree, git


def test_the_version_is_the_tag_or_so_many_commits_after_it(repository, parts):
    tree, git = repository
    source = parts["source"]
    assert re.fullmatch(r"0\.1\.0\+1\.g[0-9a-f]{7}", source.read_source(tree=tree).version)
    git("tag", "v0.1.0")
    found = source.read_source(tree=tree)
    assert (found.version, found.tagged) == ("0.1.0", True)
    (tree / "more").touch()
    git("add", ".")
    git("commit", "-q", "-m", "two")
    assert re.fullmatch(r"0\.1\.0\+1\.g[0-9a-f]{7}", source.read_source(tree=tree).version)
    git("tag", "v0.2.0")
    with pytest.raises(source.ReleaseError, match=r"v0\.2\.0"):
        source.read_source(tree=tree)


def test_a_copy_of_the_source_states_its_version_and_no_later_time(repository, parts, tmp_path):
    tree, _ = repository
    (tree / "uncommitted").touch()
    found = parts["source"].read_source(tree=tree)
    copy = found.unpack(tmp_path / "copy")
    assert f'version = "{found.version}"' in (copy / "pyproject.toml").read_text()
    assert f'__version__ = "{found.version}"' in (copy / "peerage" / "__init__.py").read_text()
    assert {path.stat().st_mtime for path in copy.rglob("*") if path.is_file()} == {found.time}
    assert not (copy / "uncommitted").exists()
    assert parts["source"].uncommitted(tree) == ["uncommitted"]


def test_a_release_needs_its_section_of_the_changelog(parts):
    source = parts["source"]
    text = "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-01-01\n\n- New.\n\n## [0.1.0]\n\n- First.\n"
    assert source.changelog_section(text, "0.2.0") == "- New.\n"
    assert source.changelog_section(text, "0.1.0") == "- First.\n"
    for version in ("Unreleased", "0.3.0"):
        with pytest.raises(source.ReleaseError):
            source.changelog_section(text, version)
    assert source.changelog_section((TREE / "CHANGELOG.md").read_text(), "Unreleased")


def packed(members):
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, mtime in members:
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.uname = 1, mtime, f"u{mtime}"
            archive.addfile(member, io.BytesIO(b"x"))
    return gzip.compress(plain.getvalue(), mtime=members[0][1])


def test_an_archive_has_no_trace_of_when_and_by_whom_it_was_made(parts):
    one, two = packed([("a", 1), ("b", 2)]), packed([("b", 9), ("a", 5)])
    assert one != two
    assert parts["dist"]._repacked(one, 77) == parts["dist"]._repacked(two, 77)


def test_versions_of_python_that_are_left_out_are_named(parts):
    assert parts["dist"].supported(TREE) == ["3.11", "3.12", "3.13"]
    assert parts["dist"].interpreter("3.99") is None


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        ([{"name": "a", "version": "1", "vulns": []}], 0, "no weakness of its 1"),
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]}],
            1,
            "a 1: X-1, right in 2",
        ),
        ([{"name": "a", "skip_reason": "not found"}], 2, "cannot be reached"),
        (
            [{"name": "a", "skip_reason": "not found"}, {"name": "b", "version": "1", "vulns": []}],
            2,
            "a: not found",
        ),
        (None, 2, "cannot be reached: no route"),
    ],
)
def test_an_audit_says_what_it_knows_and_what_not(parts, monkeypatch, answer, status, said):
    printed = "" if answer is None else json.dumps({"dependencies": answer})
    told = subprocess.CompletedProcess([], 0, printed, "trace\nno route\n")
    monkeypatch.setattr(parts["audit"].subprocess, "run", lambda *_, **__: told)
    found, text = parts["audit"].audit("requirements.lock")
    assert found == status
    assert said in text


def test_licences_are_listed_from_the_bill(parts):
    components = [
        {"name": "b", "version": "2", "licenses": [{"license": {"id": "MIT"}}]},
        {"name": "a", "version": "1", "licenses": [{"expression": "Apache-2.0 OR MIT"}]},
        {"name": "c", "version": "3"},
    ]
    listed = parts["release"]._licences({"components": components}).splitlines()
    assert listed == ["peerage: MIT", "a 1: Apache-2.0 OR MIT", "b 2: MIT", "c 3: not stated"]


def test_the_units_start_what_the_package_installs():
    unit = (FOLDER / "debian" / "peerage.service").read_text()
    backup = (FOLDER / "debian" / "peerage-backup.service").read_text()
    for text in (unit, backup):
        assert re.search(r"^ExecStart=/usr/lib/peerage/bin/peerage (serve|backup) ", text, re.MULTILINE)
        assert "User=peerage" in text
        assert "--config /etc/peerage/peerage.toml" in text
    for name in ("postinst", "prerm", "postrm"):
        assert subprocess.run(["sh", "-n", FOLDER / "debian" / name]).returncode == 0


@pytest.mark.clients
@pytest.mark.parametrize("name", ["peerage.service", "peerage-backup.service"])
def test_the_units_may_do_little(name):
    asked = ["systemd-analyze", "security", "--offline=true", "--threshold=20", FOLDER / "debian" / name]
    ran = subprocess.run(asked, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-300:]
