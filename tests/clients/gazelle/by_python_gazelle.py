"""python-gazelle: a token, typed answers where its models fit, raw ones where the page's types differ."""

import asyncio
import json
import os

from pygazelle.client import GazelleClient
from pygazelle.transport import GazelleTransport


async def main() -> None:
    transport = GazelleTransport(
        os.environ["GZ_URL"],
        api_key=os.environ["GZ_TOKEN"],
        api_key_prefix=os.environ["GZ_PREFIX"],
        rate=100.0,
    )
    number = int(os.environ["GZ_ID"])
    async with GazelleClient(transport) as client:
        torrent = await client.torrents.get(number)
        group = await client.torrents.get_group(torrent.group.id)
        tags = await client.site.top10("tags", 10)
        users = await client.user.search(os.environ["GZ_NAME"])
        artist = await client.artists.get(group.artists[0].id)
        found = await transport.request("browse", searchstr=os.environ["GZ_WORD"])
        print(
            json.dumps(
                {
                    "me": (await client.user.me()).username,
                    "files": [[file.path, file.size] for file in torrent.files],
                    "hash": torrent.info_hash,
                    "group": [each.id for each in group.torrents],
                    "tags": [each.tag for each in tags],
                    "users": [each.username for each in users],
                    "artist": [each.group_name for each in artist.discography],
                    "similar": len(await client.artists.similar(artist.id)),
                    "found": [row["torrents"][0]["torrentId"] for row in found["results"]],
                    "news": len((await client.site.announcements()).announcements),
                    "collage": [
                        each.name
                        for each in (await client.collages.get(int(os.environ["GZ_COLLAGE"]))).torrent_groups
                    ],
                    "profile": (await client.user.get((await client.user.me()).id)).username,
                    "requests": len(await client.requests.search("x")),
                    "download": (await client.torrents.download(number)).hex(),
                }
            )
        )


asyncio.run(main())
