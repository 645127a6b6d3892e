"""The interface's texts: no template has a bare sentence, and every catalogue has every text, with its places."""

import re

import pytest
from jinja2 import nodes

from tests.support.messages import TEMPLATES, catalogues, environment, every_text

PLACE = re.compile(r"%\((\w+)\)s")
# What people type or programs read, in every language.
NAMES = {
    "RSS", "Atom", "UTC", "REST", "Torznab", "Gazelle", "curl", "Python", "PHP", "Perl", "torrent", "INFOHASH", "WORDS",
    "torznab", "api", "tt", "page", "kind", "about",
}  # fmt: skip
SHOWN = re.compile(r'\b(?:aria-label|title|placeholder|alt|data-label)="([^"]*)"')
TAGS = re.compile(r"<(script|style|pre|code)\b.*?</\1>|<[^>]*>|&\w+;|[?&#]\w+=?|magnet:\S+", re.DOTALL)
WORD = re.compile(r"[^\W\d_]{2,}")
LANGUAGES = catalogues()


def bare(source: str) -> list[str]:
    """The words of a template that no text is looked up for: between its tags, in attributes, in expressions."""
    parsed, kept = environment().parse(source), []
    for output in parsed.find_all(nodes.Output):
        for node in output.nodes:
            kept.append(
                node.data if isinstance(node, nodes.TemplateData) else "\N{OBJECT REPLACEMENT CHARACTER}"
            )
            for branch in [
                *node.find_all(nodes.CondExpr),
                *([node] if isinstance(node, nodes.CondExpr) else []),
            ]:
                said = [each.value for each in (branch.expr1, branch.expr2) if isinstance(each, nodes.Const)]
                kept += [
                    f">{each}<" for each in said if isinstance(each, str) and re.search(r"[A-Z]|\w \w", each)
                ]
    html = "".join(kept)
    texts = [*SHOWN.findall(html), html]
    return [word for text in texts for word in WORD.findall(TAGS.sub(" ", text)) if word not in NAMES]


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.html")), ids=lambda path: path.stem)
def test_no_template_has_a_bare_text(path):
    assert bare(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    ["<p>Not looked up</p>", '<a title="Neither">{{ _("x") }}</a>', '{{ "Nor this" if x else "" }}'],
)
def test_a_bare_text_is_found(source):
    assert bare(source)


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_catalogue_has_every_text_and_no_other(code):
    language, texts = LANGUAGES[code], every_text()
    single = {first for first, text in texts.items() if len(text) == 1}
    assert set(language.texts) == single
    assert set(language.forms) == set(texts) - single


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_translation_has_the_places_and_tags_of_the_english_text(code):
    language = LANGUAGES[code]
    for english, said in [
        *language.texts.items(),
        *((one, form) for one, forms in language.forms.items() for form in forms),
    ]:
        assert sorted(PLACE.findall(english)) == sorted(PLACE.findall(said)), english
        assert sorted(re.findall(r"</?\w+", english)) == sorted(re.findall(r"</?\w+", said)), english
        assert english.count("%%") == said.count("%%"), english
