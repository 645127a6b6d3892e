import pytest
from starlette.requests import Request

from doors.languages import (
    ENGLISH,
    CatalogueError,
    Language,
    Languages,
    languages_with,
    message,
    read_catalogue,
)

ARABIC = """
msgid ""
msgstr ""
"Language: ar\\n"
"X-Name: العربية\\n"
"X-Direction: rtl\\n"
"Plural-Forms: nplurals=6; plural=n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5;\\n"

msgid "Save"
msgstr "احفظ"

# a comment
#, fuzzy
msgid "Edit"
msgstr "wrong"

msgid "It must lie "
"between %(v1)s and %(v3)s."
msgstr "بين %(v1)s و%(v3)s"

msgid "%(number)s file"
msgid_plural "%(number)s files"
msgstr[0] "0: %(number)s"
msgstr[1] "1: %(number)s"
msgstr[2] "2: %(number)s"
msgstr[3] "3: %(number)s"
msgstr[4] "4: %(number)s"
msgstr[5] "5: %(number)s"
"""


def asked(**headers):
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw})


def test_a_catalogue_is_read_with_its_name_direction_and_plural_forms():
    language = read_catalogue(ARABIC)
    assert (language.code, language.name, language.direction) == ("ar", "العربية", "rtl")
    assert (language.text("Save"), language.text("Edit")) == ("احفظ", "Edit")
    files = [
        language.plural("%(number)s file", "%(number)s files", n, number=n) for n in (0, 1, 2, 5, 11, 100)
    ]
    assert files == ["0: 0", "1: 1", "2: 2", "3: 5", "4: 11", "5: 100"]
    assert language.plural("one", "many", 2) == "many"


def test_a_sentence_of_a_deeper_package_keeps_its_numbers():
    language = read_catalogue(ARABIC)
    assert language.sentence("It must lie between 1 and 30.") == "بين 1 و30"
    assert language.sentence("The year field must lie between 1 and 30.") == "Year: بين 1 و30"
    assert language.sentence("Nobody said this 3 times.") == "Nobody said this 3 times."


@pytest.mark.parametrize(
    "text",
    [
        'msgid ""\nmsgstr "Language: \\n"\n',
        'msgid ""\nmsgstr "Language: ar\\nX-Direction: up\\n"\n',
        'msgid ""\nmsgstr "Language: ar\\nPlural-Forms: nplurals=2; plural=__import__(1);\\n"\n',
        'msgid "no quotes\n',
        '"nothing before"\n',
        'msgid 1\nmsgstr __import__("os")\n',
    ],
)
def test_what_is_no_catalogue_is_refused(text):
    with pytest.raises(CatalogueError):
        read_catalogue(text)


def test_numbers_sizes_dates_and_ages_are_written_as_the_language_does():
    german = languages_with(None).all["de"]
    assert (ENGLISH.count(1234567), german.count(1234567)) == ("1,234,567", "1.234.567")
    assert (ENGLISH.size(1536), german.size(1536)) == ("1.50 KiB", "1,50 KiB")
    assert (ENGLISH.moment(0), german.moment(0)) == ("1970-01-01 00:00", "01.01.1970 00:00")
    assert (ENGLISH.age(90_000), german.age(90_000)) == ("1\u00a0d", "1\u00a0T")
    assert (ENGLISH.age(1), german.age(1)) == ("now", "jetzt")
    assert (ENGLISH.decimal(2.5, 3), german.decimal(2.5, 3)) == ("2.500", "2,500")
    assert ENGLISH.day(10**15) == "9999-12-31"


def test_the_cookie_comes_before_the_browser_and_that_before_english():
    languages = Languages([Language("de", "Deutsch"), read_catalogue(ARABIC)])
    for headers, code in [
        ({}, "en"),
        ({"accept_language": "de-AT,de;q=0.9,en;q=0.8"}, "de"),
        ({"accept_language": "fr, ar;q=0.3, en;q=0.2"}, "ar"),
        ({"accept_language": "fr, en;q=0.5, de;q=0.4"}, "en"),
        ({"accept_language": "de;q=0, en"}, "en"),
        ({"accept_language": "de;q=much, ,;;"}, "en"),
        ({"accept_language": "de" + "," * 300}, "en"),
        ({"accept_language": "de", "cookie": "language=ar"}, "ar"),
        ({"accept_language": "de", "cookie": "language=nothing"}, "de"),
    ]:
        assert languages.chosen(asked(**headers)).code == code, headers


def test_a_folder_adds_languages_and_replaces_those_that_are_here(tmp_path):
    (tmp_path / "ar.po").write_text(ARABIC)
    (tmp_path / "de.po").write_text('msgid ""\nmsgstr "Language: de\\nX-Name: Anders\\n"\n')
    (tmp_path / "notes.txt").write_text("nothing")
    languages = languages_with(tmp_path).all
    assert list(languages) == ["en", "ar", "de"]
    assert languages["de"].name == "Anders"


def test_a_message_is_looked_up_and_a_name_is_not():
    german = languages_with(None).all["de"]
    assert (german.say(message("Save")), german.say("Save")) == ("Speichern", "Save")
