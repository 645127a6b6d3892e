"""gazelle-client: a login by cookie, which it keeps in a file, and raw answers."""

import json
import os

from gazelle_client import GazelleClient

url, name, password = (os.environ[each] for each in ("GZ_URL", "GZ_NAME", "GZ_PASSWORD"))
number = int(os.environ["GZ_ID"])
try:
    GazelleClient(url, name, password + "x")
    refused = False
except ValueError:
    refused = True
client = GazelleClient(url, name, password)
torrent = client.torrent(id=number)["response"]
print(
    json.dumps(
        {
            "refused": refused,
            "me": client.index()["response"]["username"],
            "again": GazelleClient(url).index()["response"]["username"],
            "group": client.torrent_group(hash=torrent["torrent"]["infoHash"])["response"]["group"]["name"],
            "found": len(client.torrents(searchstr=os.environ["GZ_WORD"])["response"]["results"]),
            "user": client.user(client.index()["response"]["id"])["response"]["username"],
            "status": [
                client.artist(id=torrent["group"]["authors"][0]["id"])["status"],
                client.collages(int(os.environ["GZ_COLLAGE"]))["status"],
                client.top10("users")["status"],
                client.user_search(name)["status"],
                client.requests()["status"],
                client.announcements()["status"],
                client.similar_artists(torrent["group"]["authors"][0]["id"], 5)["status"],
                client.request(1)["error"],
                client.inbox()["error"],
            ],
        }
    )
)
