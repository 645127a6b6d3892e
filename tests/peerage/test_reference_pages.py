"""Pages of the reference name everything that the program declares, and nothing that Markdown reads otherwise."""

import json
import re

import pytest

from peerage import reference_pages
from peerage.command_tree import command_tree


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    assert reference_pages.main([str(folder)]) == 0
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_every_command_has_a_section_with_each_of_its_options(pages):
    sections = dict(re.findall(r"^## peerage (.+)\n((?:(?!^## ).*\n)*)", pages["commands.md"], re.MULTILINE))
    leaves = [each for each in command_tree().walk() if each.path and not each.below]
    assert list(sections) == [" ".join(each.path) for each in leaves]
    for each in leaves:
        told = sections[" ".join(each.path)]
        assert each.usage in told
        names = {option.names[0] for option in each.options} - {"--json", "--data", "--config", "-h"}
        assert each.path == ("serve",) or {name for name in names if f"`{name}`" not in told} == set()


def test_figures_have_their_type_labels_and_meaning():
    exposed = '# HELP a_total All | of it\n# TYPE a_total counter\na_total{way="x",to="y"} 0.0\n'
    page = reference_pages.figures_page(exposed)
    assert page.endswith("| `a_total` | counter | `way`, `to` | All \\| of it |\n")


def test_the_figures_are_those_of_the_service(pages):
    assert (
        len(
            re.findall(
                r"^\| `peerage_\w+` \| (?:counter|gauge|histogram) \|", pages["figures.md"], re.MULTILINE
            )
        )
        > 50
    )


def test_every_operation_of_the_document_is_on_the_page(pages):
    document = json.loads(pages["openapi.json"])
    operations = [each for path in document["paths"].values() for each in path.values()]
    headings = re.findall(r"^### (\w+)$", pages["openapi.md"], re.MULTILINE)
    assert sorted(headings) == sorted(each["operationId"] for each in operations)
    assert "| `username` | body, required |" in pages["openapi.md"]
    assert "| `file` | form, required | a file |" in pages["openapi.md"]


def test_a_folder_has_to_be_named(capsys):
    assert reference_pages.main([]) == 2
    assert "DIR" in capsys.readouterr().err
