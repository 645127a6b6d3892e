"""What is told of denied torrents: each text once, and no more than so many."""

from tracker.denial_texts import DenialTexts


def test_a_text_has_one_number_for_as_long_as_it_is_used():
    told: dict[int, bytes] = {}
    texts = DenialTexts(told.__setitem__, most=3)
    one, two = texts.number("one"), texts.number("two")
    assert (texts.number("one"), texts.number(""), texts.number("three")) == (one, 0, 0)
    texts.count(one, 2)
    texts.count(two, 1)
    texts.count(one, -1)
    assert texts.text(one) == told[one] == b"Torrent is blocked on this tracker: one"
    texts.count(two, -1)
    assert told[two] == b""
    three = texts.number("three")
    assert (three, told[three]) == (two, b"Torrent is blocked on this tracker: three")
    texts.count(0, 5)
    texts.count(three, 0)
    assert texts.number("four") == three
