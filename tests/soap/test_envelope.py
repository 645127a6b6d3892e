import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from bittorrent.refusal import Refusal
from soap.envelope import MAX_DEPTH, MAX_ELEMENTS, checked_utf8


@pytest.mark.parametrize(
    "document",
    [
        b"<a/>",
        b"<a b='>' c=\"'/>\">text</a>",
        b"<a><!-- <!DOCTYPE x> <b> --><![CDATA[<!DOCTYPE y><c>]]></a>",
        b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH,
        b"<a>" + b"<b/>" * (MAX_ELEMENTS - 1) + b"</a>",
        "<x:é xmlns:x='u'>ü</x:é>".encode(),
        b"<a>" + b"x" * 1_000_000 + b"</a>",
    ],
)
def test_a_plain_document_passes_as_it_is(document):
    assert checked_utf8(document) == document
    assert etree.fromstring(checked_utf8(document)) is not None


@pytest.mark.parametrize(
    "document",
    [
        b'<?xml version="1.0"?><a>x</a>',
        b'<?xml version="1.0" encoding="utf-8"?>\n<a>x</a>',
        b"\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8' standalone='yes' ?><a>x</a>",
        b'\r\n <?xml version="1.0" encoding="US-ASCII"?><a>x</a>',
    ],
)
def test_a_declaration_is_dropped(document):
    assert checked_utf8(document).strip() == b"<a>x</a>"


def test_latin_1_becomes_utf_8():
    assert checked_utf8(b'<?xml version="1.0" encoding="ISO-8859-1"?><a>\xe9</a>') == "<a>é</a>".encode()


@pytest.mark.parametrize(
    "document",
    [
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a [<!ENTITY b "cccc">]><a>&b;</a>',
        b"<!-- x --><!DOCTYPE a><a/>",
        b"<a><![cdata[]]></a>",
        b"<a><!ELEMENT b></a>",
        b"<?php x ?><a/>",
        b"<a/><?x?>",
        b'<?xml version="1.0" encoding="UTF-7"?><a/>',
        b'<?xml version="1.0" encoding="EBCDIC-CP-US"?><a/>',
        b'<?xml version="1.0" encoding="UTF-16"?><a/>',
        "<a/>".encode("utf-16"),
        "<a/>".encode("utf-16-le"),
        "<a/>".encode("utf-32"),
        b"<a>\xff</a>",
        b"<a>" * (MAX_DEPTH + 1),
        b"<a>" * 100_000,
        b"<a/>" * (MAX_ELEMENTS + 1),
        b"<a " + b"b='' " * 20_000 + b"/>",
        b"<a b='" + b"x" * 70_000 + b"'/>",
        b"<a>" + b"<!---->" * 10_000 + b"</a>",
        b"<a href='#b'/>",
        b"<a b='c'\thref = '#b'/>",
        b"<a b='c'href='#b'/>",
        b"<!-- never closed",
        b"<![CDATA[ never closed",
        b"<a",
        b"<",
        b"< a/>",
        b"<a b=c'/>",
    ],
)
def test_hostile_xml_is_refused_before_parsing(document):
    with pytest.raises(Refusal) as caught:
        checked_utf8(document)
    assert caught.value.code == "bad-soap"


@pytest.mark.parametrize("document", [b"", b" \r\n"])
def test_an_empty_document_is_empty(document):
    with pytest.raises(Refusal) as caught:
        checked_utf8(document)
    assert caught.value.code == "empty"


@pytest.mark.parametrize(
    "unit", [b"<", b"<a", b"<a b='", b"<!--", b"<a '", b"</", b"<a/ ", b"'\"<", b"<a b=\"'"]
)
def test_a_hostile_megabyte_costs_little(unit):
    started = time.process_time()
    with pytest.raises(Refusal):
        checked_utf8(unit * (1_000_000 // len(unit)))
    assert time.process_time() - started < 1


@given(st.text(alphabet="<>/!-[]?'\" =abCDATxml&;", max_size=80))
def test_what_passes_and_parses_is_within_the_bounds(text):
    try:
        document = checked_utf8(text.encode())
        root = etree.fromstring(document, etree.XMLParser(resolve_entities=False))
    except (Refusal, etree.XMLSyntaxError):
        return
    assert root.getroottree().docinfo.doctype == ""
    assert sum(1 for _ in root.iter()) <= MAX_ELEMENTS
