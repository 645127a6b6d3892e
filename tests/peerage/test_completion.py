"""Completion scripts in real shells, and manual pages."""

import subprocess

import pytest
from click.testing import CliRunner

from peerage.cli import main
from peerage.command_tree import command_tree
from peerage.commands.registry import every_command
from peerage.config import rows
from peerage.man_pages import man_pages, write_man_pages

ASKED = [
    (("us",), {"user"}),
    (("key", ""), {"add", "list", "resume", "revoke", "rotate", "suspend"}),
    (("key", "add", "--scope", "t"), {"torrent-api", "torbox"}),
    (("user", "role", "bob", "mod"), {"moderator"}),
    (("search", "--so"), {"--sort"}),
    (("search", "--sort", "s"), {"size", "seeders", "snatched"}),
    (("serve", "--tracker-mod"), {"--tracker-mode"}),
    (("nonsense", "us"), {"user"}),
]


@pytest.fixture(scope="module")
def tree():
    return command_tree()


def script(shell):
    printed = CliRunner().invoke(main, ["completion", shell])
    assert printed.exit_code == 0
    return printed.stdout


@pytest.fixture(scope="module")
def bash():
    text = script("bash")

    def complete(*words, folder="/"):
        asked = 'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _peerage; printf "%s\\n" "${COMPREPLY[@]}"'
        ran = subprocess.run(
            ["/bin/bash", "--norc", "-c", f"{text}\n{asked}", "bash", "peerage", *words],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=30,
            env={"PATH": ""},  # it may start nothing
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        return set(ran.stdout.split())

    return complete


@pytest.mark.parametrize(("words", "found"), ASKED)
def test_bash_completes_without_starting_a_program(bash, words, found):
    assert bash(*words) == found


def test_bash_completes_paths_where_a_path_is_taken(bash, tmp_path):
    (tmp_path / "saved").mkdir()
    assert bash("restore", "sa", folder=tmp_path) == {"saved"}
    assert bash("stats", "--data", "sa", folder=tmp_path) == {"saved"}
    assert bash("user", "add", "sa", folder=tmp_path) == set()


def test_every_command_and_setting_is_in_every_script(tree):
    words = {each.path[-1] for each in tree.walk() if each.path}
    assert words >= {each.path[-1] for each in every_command().values()} | {"serve", "init", "restore"}
    for shell in ("bash", "zsh", "fish"):
        text = script(shell)
        assert all(word in text for word in words)
        assert "tracker-max-peers" in text


def test_every_command_and_setting_has_its_place_in_the_manual(tree):
    pages = dict(man_pages())
    assert {f"peerage-{each.path[0]}.1" for each in tree.below} <= pages.keys()
    text = "".join(pages.values()).replace("\\-", "-")
    assert all(f".B {' '.join(each.path)}" in text for each in tree.walk() if len(each.path) == 2)
    assert all(f".B {row.key.rpartition('.')[2]}" in text for row in rows())
    assert ".TH" in pages["peerage.toml.5"]
    assert all(line.startswith(".") or not line.startswith("'") for line in text.splitlines())


@pytest.mark.clients
def test_groff_takes_every_manual_page(tmp_path):
    for page in write_man_pages(tmp_path / "man"):
        ran = subprocess.run(["groff", "-man", "-Tascii", "-ww", "-z", page], capture_output=True, text=True)
        assert (ran.returncode, ran.stderr) == (0, ""), page.name


@pytest.mark.clients
@pytest.mark.parametrize(("words", "found"), ASKED[:-1])
def test_fish_completes_what_bash_does(tmp_path, words, found):
    (tmp_path / "peerage.fish").write_text(script("fish"))
    asked = f"source {tmp_path}/peerage.fish; complete -C 'peerage {' '.join(words)}'"
    ran = subprocess.run(["fish", "--no-config", "-c", asked], capture_output=True, text=True, cwd=tmp_path)
    assert ran.stderr == ""
    assert {line.split("\t")[0] for line in ran.stdout.splitlines()} >= found


@pytest.mark.clients
def test_zsh_reads_its_script(tmp_path):
    (tmp_path / "_peerage").write_text(script("zsh"))
    asked = f"fpath=({tmp_path} $fpath); autoload -Uz compinit && compinit -u -d {tmp_path}/dump && print $_comps[peerage]"
    ran = subprocess.run(["zsh", "-f", "-c", asked], capture_output=True, text=True, cwd=tmp_path)
    assert (ran.stdout, ran.stderr) == ("_peerage\n", "")
    assert subprocess.run(["zsh", "-n", tmp_path / "_peerage"]).returncode == 0
