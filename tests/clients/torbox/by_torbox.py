"""Every request of the TorBox API by `torbox` 0.1.0a1; prints JSON."""

import json
import os
import sys
import time

from torbox.client import TorBox

HASH = os.environ["TB_HASH"]
torrents = TorBox(os.environ["TB_KEY"], base_url=os.environ["TB_BASE"] + "/v1").torrents

created = torrents.create(magnet=os.environ["TB_MAGNET"], name="demo", allow_zip=True)["data"]
number, states, end = created["torrent_id"], set(), time.monotonic() + 60
while True:
    (found,) = torrents.list(bypass_cache=True)["data"]
    states.add(found["download_state"])
    if found["download_finished"]:
        break
    assert time.monotonic() < end, states
    time.sleep(0.1)
output = {
    "hash": created["hash"],
    "name": found["name"],
    "states": sorted(states),
    "torrent": torrents.export(number, "file").hex(),
    "link": torrents.download(number, file_id=2)["data"],
    "info": torrents.info(HASH)["data"]["hash"],
}
print(json.dumps(output), flush=True)
sys.stdin.readline()
torrents.control(number, "delete")
print(json.dumps({"left": len(torrents.list(bypass_cache=True)["data"])}), flush=True)
