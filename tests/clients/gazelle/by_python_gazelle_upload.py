"""python-gazelle's cross-upload: a dry run, the upload itself, and the same file again.

Its own names `artists` and `release_type`, which it demands, stand beside those that sites have.
"""

import asyncio
import json
import os
from pathlib import Path

from pygazelle.client import GazelleClient
from pygazelle.crossupload import UploadDraft, submit_upload
from pygazelle.errors import GazelleError
from pygazelle.transport import GazelleTransport

FORM = {
    "submit": "true",
    "type": "0",
    "title": "Penicillium rubens genome",
    "year": "2008",
    "release_type": "1",
    "releasetype": "1",
    "artists": ["Marco van den Berg", "Roel Bovenberg"],
    "artists[]": ["Marco van den Berg", "Roel Bovenberg"],
    "importance[]": ["1", "1"],
    "format": "FLAC",
    "bitrate": "Lossless",
    "media": "WEB",
    "tags": "fungi,genome",
    "album_desc": "The [b]genome[/b].",
    "release_desc": "This copy.",
}


DATA = Path(os.environ["GZ_FILE"]).read_bytes()


async def main() -> None:
    transport = GazelleTransport(
        os.environ["GZ_URL"], api_key=os.environ["GZ_TOKEN"], api_key_prefix="", rate=100.0
    )

    async def submit(client: GazelleClient, **more: str) -> list[int]:
        draft = UploadDraft(dict(FORM, **more), [], [], [], DATA, 0, "redacted")
        result = await submit_upload(client, draft)
        return [result.torrent_id, result.group_id]

    async with GazelleClient(transport) as client:
        tried = await submit(client, dryrun="1")
        found_before = (await transport.request("browse", searchstr="rubens"))["results"]
        number, group = await submit(client)
        torrent = await client.torrents.get(number)
        try:
            await submit(client, dryrun="1")
            refused = ""
        except GazelleError as error:
            refused = str(error)
        print(
            json.dumps(
                {
                    "tried": tried,
                    "before": len(found_before),
                    "made": [number > 0, torrent.group.id == group],
                    "group": torrent.group.name,
                    "artists": [each.name for each in (await client.torrents.get_group(group)).artists],
                    "same": (await client.torrents.download(number)) == DATA,
                    "again": refused,
                }
            )
        )


asyncio.run(main())
