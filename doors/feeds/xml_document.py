"""XML documents of the feeds: elements made one by one, every text without the characters that XML 1.0 forbids."""

import re
from xml.etree import ElementTree as ET

ATOM = "http://www.w3.org/2005/Atom"
DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"
EZRSS = "http://xmlns.ezrss.it/0.1/"
TORZNAB = "http://torznab.com/schemas/2015/feed"
NEWZNAB = "http://www.newznab.com/DTD/2010/feeds/attributes/"

Element = ET.Element

# Programs look for these prefixes as well as for the namespaces.
for _prefix, _namespace in (
    ("atom", ATOM),
    ("dc", DUBLIN_CORE),
    ("torrent", EZRSS),
    ("torznab", TORZNAB),
    ("newznab", NEWZNAB),
):
    ET.register_namespace(_prefix, _namespace)

# What is no Char of XML 1.0 § 2.2, and the carriage return, which a parser reads as a line feed.
_NO_CHARACTER = re.compile("[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def legible(text: str) -> str:
    """Return a text with a replacement character for each that XML forbids."""
    if text.isprintable():  # none of those is, and almost every text is
        return text
    return _NO_CHARACTER.sub("\ufffd", text)


def qualified(namespace: str, name: str) -> str:
    """Return the name of an element in a namespace."""
    return f"{{{namespace}}}{name}"


def root(name: str, **attributes: str) -> Element:
    """Make the root of a document."""
    return Element(name, {key: legible(value) for key, value in attributes.items()})


def add(parent: Element, name: str, text: object = None, /, **attributes: object) -> Element:
    """Append an element with text, unless that is None, and attributes; numbers are written in decimal."""
    child = ET.SubElement(parent, name, {key: legible(str(value)) for key, value in attributes.items()})
    if text is not None:
        child.text = legible(str(text))
    return child


def document(element: Element) -> bytes:
    """Return a document as UTF-8 with its declaration."""
    declared: bytes = ET.tostring(element, encoding="utf-8", xml_declaration=True)
    return declared
