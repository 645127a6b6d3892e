"""Gazelle's `upload`: a .torrent file and what is said of it, as programs for sites of that family send them."""

from collections.abc import Mapping

from bittorrent.refusal import Refusal
from catalogue.fields import UPLOAD, TorrentDetails, from_form
from doors.bodies import MULTIPART, Form, FormRules
from doors.gazelle.context import GazelleContext
from doors.gazelle.envelope import BAD_PARAMETERS, GazelleFailure

FORM_LIMIT = 512 * 1024
"""Bytes of a form beside its file; descriptions, and log files that are not kept."""
FORM = FormRules(
    media=frozenset({MULTIPART}),
    max_fields=256,
    max_files=16,
    max_text=128 * 1024,
    empty=True,
    wrong_type="send multipart/form-data with the file in 'file_input'",
)

FILE = "file_input"
_NO_FILE = "no torrent file"
_NO_TITLE = "no title"
_KNOWN = "The exact same torrent file already exists on the site!"
_OTHER = "Other"  # a bitrate that stands in a field of its own

# What is said of the torrent, and of a group that is made for it, by its names here and in the catalogue.
_OF_TORRENT = {"release_desc": "description", "format": "format", "media": "platform"}
_OF_GROUP = {
    "title": "group_name",
    "year": "year",
    "tags": "tags",
    "album_desc": "group_description",
    "image": "picture",
    "record_label": "lab",
    "catalogue_number": "accession",
}


async def upload(context: GazelleContext) -> object:
    """Take a torrent; with `groupid` into that group, whose fields stay as they are."""
    if context.request.method != "POST":
        raise GazelleFailure(BAD_PARAMETERS)
    form, texts = context.form, context.form.last_texts()
    _check_authkey(context, texts)
    files = form.files_of(FILE)
    if len(files) != 1:
        raise GazelleFailure(_NO_FILE)
    try:
        details = _read_details(form, texts)
        if texts.get("dryrun", "").strip() not in {"", "0", "false"}:
            return await _rehearse(context, files[0], details)
        torrent = await context.services.curation.publish(
            context.principal, files[0], "gazelle", details, address=context.address
        )
    except Refusal as refusal:
        raise _failure(refusal) from None
    return {
        "private": torrent.private,
        "source": True,  # the file is kept as it was sent, so that its sender need not fetch it again
        "requestid": None,
        "torrentid": torrent.id,
        "groupid": torrent.group.id,
    }


async def _rehearse(context: GazelleContext, data: bytes, details: TorrentDetails) -> object:
    """Say what an upload would be answered with; nothing is stored, so there is no id but that of a group it joins."""
    metainfo = await context.services.curation.rehearse(context.principal, data, details)
    return {
        "dryrun": True,
        "private": metainfo.private,
        "source": True,
        "requestid": None,
        "torrentid": None,
        "groupid": details.group_id,
        "infoHash": metainfo.infohash.upper,
    }


def _check_authkey(context: GazelleContext, texts: Mapping[str, str]) -> None:
    """Refuse what a session sends without its authkey: any page could. Refusal: `bad-csrf`."""
    passkeys, principal = context.services.accounts.accounts.passkeys, context.principal
    if principal.session is not None and not passkeys.is_authkey(principal, texts.get("auth", "")):
        raise Refusal("bad-csrf")


def _read_details(form: Form, texts: Mapping[str, str]) -> TorrentDetails:
    """Return what is said of the torrent. Refusal: `invalid`."""
    given = {ours: texts[theirs] for theirs, ours in _OF_TORRENT.items() if texts.get(theirs, "").strip()}
    bitrate = texts.get("bitrate", "").strip()
    # What browse finds by `encoding`.
    if encoding := texts.get("other_bitrate", "").strip() if bitrate in {"", _OTHER} else bitrate:
        given["license"] = encoding
    group = texts.get("groupid", "").strip()
    if group not in {"", "0"}:
        return TorrentDetails.read(from_form({**given, "group_id": group}, UPLOAD))
    if not texts.get("title", "").strip():
        raise GazelleFailure(_NO_TITLE)
    given |= {ours: texts[theirs] for theirs, ours in _OF_GROUP.items() if texts.get(theirs, "").strip()}
    values = from_form(given, UPLOAD)
    # A name may have a comma in it, which the form of the pages takes for the next name.
    if authors := [
        value.strip() for name, value in form.texts if name.startswith("artists[") and value.strip()
    ]:
        values["authors"] = authors
    return TorrentDetails.read(values)


def _failure(refusal: Refusal) -> Exception:
    """Return the error in the dialect's words, or the refusal itself."""
    if refusal.code == "owned":
        return GazelleFailure(_KNOWN)
    if refusal.code == "invalid" and refusal.fields:
        return GazelleFailure(" ".join(sentence for faults in refusal.fields.values() for sentence in faults))
    return refusal
