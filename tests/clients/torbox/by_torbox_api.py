"""Every request of the TorBox API by torbox-api 1.0.4 and 1.0.6; prints JSON. Every argument has to be a text."""

import json
import os
import sys
import time
from pathlib import Path

from torbox_api import TorboxApi
from torbox_api.models import CreateTorrentRequest
from torbox_api.models.utils.base_model import BaseModel
from torbox_api.models.utils.json_map import JsonMap
from torbox_api.net.transport.request_error import RequestError

KEY, HASH, MAGNET = (os.environ[name] for name in ("TB_KEY", "TB_HASH", "TB_MAGNET"))
V = "v1"
sdk = TorboxApi(access_token=KEY, base_url=os.environ["TB_BASE"], timeout=30_000).torrents


@JsonMap({})
class Body(BaseModel):
    """An object that the library sends as one; it fails with a plain dictionary."""

    def __init__(self, **fields):
        self.__dict__.update(fields)


def mine():
    return sdk.get_torrent_list(api_version=V, bypass_cache="true", offset="0", limit="10").data


def link(number, **what):
    answer = sdk.request_download_link(api_version=V, token=KEY, torrent_id=str(number), **what)
    return answer.data


def refused():
    try:
        TorboxApi(access_token="wrong", base_url=os.environ["TB_BASE"]).torrents.get_torrent_list(
            api_version=V
        )
    except RequestError as error:
        return error.status
    return None


if os.environ.get("TB_FILE"):
    request = CreateTorrentRequest(file=Path(os.environ["TB_FILE"]).read_bytes(), seed="3")
else:
    request = CreateTorrentRequest(magnet=MAGNET, seed="1", allow_zip="true", as_queued="false", name="demo")
created = sdk.create_torrent(api_version=V, request_body=request)
number = int(created.data.torrent_id)
states, end = [], time.monotonic() + 60
while True:
    (found,) = mine()
    states.append(found.download_state)
    if found.download_finished and found.download_present:
        break
    assert time.monotonic() < end, states
    time.sleep(0.1)
cached = sdk.get_torrent_cached_availability(
    api_version=V, hash=f"{'b' * 40},{HASH}", format="list", list_files="true"
)
info = sdk.get_torrent_info(api_version=V, hash=HASH, timeout="5").data
output = {
    "refused": refused(),
    "hash": created.data.hash,
    "name": found.name,
    "states": sorted(set(states)),
    "files": [[each.name, int(each.size)] for each in found.files],
    "links": [link(number, file_id=str(int(each.id_))) for each in found.files],
    "zip": link(number, zip_link="true"),
    "cached": json.loads(json.dumps(cached._map()["data"])) if hasattr(cached, "_map") else None,
    "magnet": sdk.export_torrent_data(api_version=V, torrent_id=str(number), type_="magnet").data,
    "info": [info.name, info.hash, int(info.size), len(info.files)],
}
if "--torrent-file" in sys.argv:
    output["torrent"] = link(number, torrent_file="true")
print(json.dumps(output), flush=True)
sys.stdin.readline()  # the links end with the torrent
sdk.control_torrent(api_version=V, request_body=Body(torrent_id=number, operation="Reannounce"))
sdk.control_torrent(api_version=V, request_body=Body(torrent_id=number, operation="delete"))
print(json.dumps({"left": len(mine() or [])}), flush=True)
