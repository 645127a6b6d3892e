import sqlite3
import unicodedata

from storage.postgresql.search.words import words_of

# Characters of Unicode 3.2, which every version since knows alike but for these: two marks that were letters, and two
# letters with two accents each, whose accents are dropped here.
OTHER = {"\u1885", "\u1886", "\u01e0", "\u01e1"}


def test_words_are_those_of_fts5():
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE VIRTUAL TABLE held USING fts5 (text, tokenize = 'unicode61 remove_diacritics 2')"
    )
    connection.execute("CREATE VIRTUAL TABLE word USING fts5vocab (held, 'instance')")
    known = unicodedata.ucd_3_2_0
    codes = [code for code in range(1, 0x30000) if known.category(chr(code)) not in {"Cn", "Cs"}]
    connection.executemany(
        "INSERT INTO held (rowid, text) VALUES (?, ?)", ((code, f"A{chr(code)}b c") for code in codes)
    )
    held = {}
    for number, term in connection.execute("SELECT doc, term FROM word ORDER BY doc, offset"):
        held.setdefault(number, []).append(term)
    connection.close()
    assert {chr(code) for code in codes if words_of(f"A{chr(code)}b c") != held[code]} == OTHER


def test_a_word_has_no_end_and_what_is_kept_of_it_has():
    assert words_of("x" * 5000) == ["x" * 200]
    assert words_of("\0 \u0301 -") == []
