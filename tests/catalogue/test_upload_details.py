from hypothesis import given, settings
from hypothesis import strategies as st

from bittorrent.refusal import Refusal
from catalogue import fields
from catalogue.fields import TorrentDetails
from catalogue.model import PUBLIC_VIEWER, ParsedRelease
from catalogue.normalization import fold_name
from tests.catalogue.test_fields import JSON
from tests.support.catalogue import metainfo_summary

LINES = st.text(max_size=40)
LIKELY = {
    **dict.fromkeys(fields.UPLOAD, LINES),
    "year": st.none() | st.integers(-1, 10_000),
    "season": st.none() | st.integers(-1, 10_000),
    "imdb": st.none() | st.integers(0, 10**11) | st.from_regex(r"tt[0-9]{1,12}", fullmatch=True),
    "category_id": st.integers(0, 12),
    "group_id": st.integers(-1, 2**65),
    "tags": st.lists(st.text(max_size=12), max_size=5),
    "authors": st.lists(st.text(max_size=12), max_size=5),
    "anonymous": st.booleans(),
    "annotated": st.booleans(),
    "freeleech": st.integers(-1, 3),
    "picture": st.just("") | st.from_regex(r"https?://[a-z.]{1,20}/[a-z]{0,9}", fullmatch=True) | LINES,
}
DETAILS = st.fixed_dictionaries({}, optional=LIKELY) | st.dictionaries(
    st.sampled_from(sorted(fields.UPLOAD)) | LINES, JSON, max_size=4
)
OF_TORRENT = (
    "title",
    "description",
    "anonymous",
    "platform",
    "format",
    "license",
    "scope",
    "annotated",
    "archive",
)


def details_of(torrent):
    """Return a record's fields, by their names in an upload."""
    group = torrent.group
    own = {name: getattr(torrent, name) for name in (*OF_TORRENT, "freeleech")}
    of_group = {
        key: getattr(group, name)
        for key, name in fields.GROUP_FIELDS_IN_UPLOAD.items()
        if name != "category_id"
    }
    return {
        **own,
        **of_group,
        "category_id": group.category.id,
        "authors": tuple(author.name for author in group.authors),
        "group_id": group.id,
    }


@settings(max_examples=120, deadline=None)
@given(details=DETAILS)
def test_details_are_refused_by_field_or_stored_and_read_back_equal(in_fresh_library, details):
    async def scenario(library):
        try:
            torrent, _ = await library.catalogue.torrents.add(
                metainfo_summary(), ParsedRelease("One", "Unsorted"), TorrentDetails.read(details), 1
            )
        except Refusal as refusal:
            return refusal, await library.count("torrent")
        return torrent, await library.catalogue.store.torrents.torrent(torrent.id, PUBLIC_VIEWER)

    added, read = in_fresh_library(scenario)
    if isinstance(added, Refusal):
        assert added.code == "invalid"
        assert added.fields
        assert all(sentence for sentences in added.fields.values() for sentence in sentences)
        assert read == 0
        return
    assert added == read
    stored = details_of(added)
    for name, value in fields.validate(details, fields.UPLOAD).items():
        if name == "tags":
            assert sorted(stored[name]) == sorted(value)
        elif name == "authors":
            assert [fold_name(each) for each in stored[name]] == [fold_name(each) for each in value]
        else:
            assert stored[name] == value
