from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalogue.bbcode import LONGEST, escape, render
from tests.support.costs import bounded_cost

REL = ' rel="nofollow noopener noreferrer ugc"'
ALLOWED = {
    "a": {"href", "rel"},
    **dict.fromkeys(
        [
            "strong",
            "em",
            "u",
            "s",
            "br",
            "hr",
            "ul",
            "ol",
            "li",
            "blockquote",
            "cite",
            "details",
            "summary",
            "pre",
            "code",
        ],
        frozenset(),
    ),
}
VOID = {"br", "hr"}
PIECES = st.sampled_from(
    [
        "[b]",
        "[/b]",
        "[i]",
        "[/i]",
        "[u]",
        "[s]",
        "[/s]",
        "[url]",
        "[/url]",
        "[url=http://a/]",
        "[url=javascript:x]",
        "[img]",
        "[/img]",
        "[quote]",
        "[quote=x]",
        "[/quote]",
        "[code]",
        "[/code]",
        "[pre]",
        "[/pre]",
        "[list]",
        "[list=1]",
        "[*]",
        "[/list]",
        "[size=7]",
        "[/size]",
        "[hide=a]",
        "[/hide]",
        "[hr]",
        "http://x.y/z",
        "https://a.b.",
        "magnet:?xt=urn:btih:a",
        "javascript:alert(1)",
        "<script>",
        "</script>",
        "<a",
        "onclick=x>",
        "&",
        "&amp;",
        "&#60;",
        '"',
        "'",
        "<",
        ">",
        "]]",
        "[[",
        '[url="http://x/"onmouseover=1]',
        "[img=http://p/q]",
        "\n",
        "\n\n",
        "\t",
        "plain",
        "�",
        "\x00",
        "\u202e",
    ]
)


class Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.text, self.deepest = [], [], 0

    def handle_starttag(self, tag, attrs):
        assert set(dict(attrs)) <= set(ALLOWED[tag]), (tag, attrs)
        if tag == "a":
            assert dict(attrs)["href"].lower().startswith(("http://", "https://", "magnet:?"))
            assert dict(attrs)["rel"] == "nofollow noopener noreferrer ugc"
            assert "a" not in self.open
        if tag not in VOID:
            self.open.append(tag)
        self.deepest = max(self.deepest, len(self.open))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def handle_comment(self, data):
        raise AssertionError(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def checked(html):
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


@given(st.lists(PIECES | st.text(max_size=5), max_size=60).map("".join))
def test_any_text_gives_only_safe_elements(text):
    assert checked(render(text)).deepest <= 40


@given(st.text(st.characters(exclude_characters="[:\n\r"), max_size=200))
def test_text_without_markup_is_shown_as_it_is(text):
    assert "".join(checked(render(text)).text) == text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("[b]x[/b] [I]y[/I]", "<strong>x</strong> <em>y</em>"),
        ("[u]x[/u][s]y[/s]", "<u>x</u><s>y</s>"),
        ("[b][i]x[/b]y", "<strong><em>x</em></strong>y"),
        ("[b]open", "<strong>open</strong>"),
        ("[/b]closed", "[/b]closed"),
        ("a\nb\n\n\n\n\nc", "a<br>\nb<br>\n<br>\n<br>\nc"),
        ("[size=7][color=red]x[/color][/size]", "x"),
        ("[quote=Bob]x[/quote]\ny", "<blockquote><cite>Bob</cite>x</blockquote>y"),
        ("[list]\n[*]a\n[*]b\n[/list]", "<ul><li>a</li><li>b</li></ul>"),
        ("[list=1][*]a[/list]", "<ol><li>a</li></ol>"),
        ("[*]a", "• a"),
        ("[hide=more]x[/hide]", "<details><summary>more</summary>x</details>"),
        ("[spoiler]x[/spoiler]", "<details><summary>Hidden text</summary>x</details>"),
        ("[code][b]x[/b][/code]", "<code>[b]x[/b]</code>"),
        ("[code]a\nb[/code]", "<pre>a\nb</pre>"),
        ("[pre]a [b]b[/pre]", "<pre>a [b]b</pre>"),
        ("[code]never closed [b]x[/b]", "[code]never closed <strong>x</strong>"),
        ("[b][quote]a[/b]c[/quote]", "<strong><blockquote>a[/b]c</blockquote></strong>"),
        ("a[hr]b", "a<hr>b"),
        ('it\'s "<&>"', "it&#39;s &quot;&lt;&amp;&gt;&quot;"),
        ("[url=https://a.b/?c=1&d=2]x[/url]", f'<a href="https://a.b/?c=1&amp;d=2"{REL}>x</a>'),
        ("[url]http://a.b[/url]", f'<a href="http://a.b"{REL}>http://a.b</a>'),
        ("[img]http://a.b/c.png[/img]", f'<a href="http://a.b/c.png"{REL}>http://a.b/c.png</a>'),
        ("see http://a.b/c.", f'see <a href="http://a.b/c"{REL}>http://a.b/c</a>.'),
        ("(http://a.b/c)", f'(<a href="http://a.b/c"{REL}>http://a.b/c</a>)'),
        ("http://a.b/c(d)", f'<a href="http://a.b/c(d)"{REL}>http://a.b/c(d)</a>'),
        ("magnet:?xt=urn:btih:a", f'<a href="magnet:?xt=urn:btih:a"{REL}>magnet:?xt=urn:btih:a</a>'),
        ("[url=javascript:alert(1)]x[/url]", "[url=javascript:alert(1)]x[/url]"),
        ("[url=data:text/html,x]x[/url]", "[url=data:text/html,x]x[/url]"),
        ("[url=//a.b]x[/url]", "[url=//a.b]x[/url]"),
        ("[url=http://bank.example@evil.example/]x[/url]", "[url=http://bank.example@evil.example/]x[/url]"),
        ("[img]javascript:x[/img]", "[img]javascript:x[/img]"),
        ("[url=http://a][url=http://b]x[/url][/url]", f'<a href="http://a"{REL}>[url=http://b]x</a>[/url]'),
    ],
)
def test_bbcode_is_rendered(text, html):
    checked(html)
    assert render(text) == html


@pytest.mark.parametrize(
    "piece",
    [
        "[b]",
        "[/b]",
        "[url]",
        "[url=http://a]",
        "http://",
        "http://a)",
        "[code]",
        "[code]x[/code]",
        "[list][*]",
        "[quote=",
        "[img]http://a",
        "[b][/b]",
        '"',
        "[*]",
        "[size=",
        "[hide=x]",
        "[quote][b]",
        "magnet:?",
        "[",
        "]",
        "[[b]]",
        "[/list]",
        "[pre]",
        "\n",
        "[img] ",
        "[b]\n[*]\n",
    ],
)
def test_hostile_text_costs_and_grows_no_more_than_in_proportion(piece):
    text = (piece * LONGEST)[: 2 * LONGEST]
    with bounded_cost():
        html = render(text)
    assert len(html) < 8 * LONGEST
    assert checked(html).deepest <= 40


def test_only_five_characters_are_escaped():
    assert escape("&<>\"'é\u00a0") == "&amp;&lt;&gt;&quot;&#39;é\u00a0"
