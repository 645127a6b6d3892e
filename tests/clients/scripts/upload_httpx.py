from pathlib import Path

import httpx

with Path("my.torrent").open("rb") as torrent:
    answer = httpx.post("http://itorrents.org/autoupload.php", files={"torrent": torrent})
print(answer.headers.get("X-Torrage-Error-Msg") or answer.headers["X-Torrage-Infohash"])
