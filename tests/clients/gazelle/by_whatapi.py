"""whatapi: a login that wants a 302, then authkey and passkey for a download. It sleeps two seconds a call."""

import json
import os

import whatapi

url, name, password = (os.environ[each] for each in ("GZ_URL", "GZ_NAME", "GZ_PASSWORD"))
try:
    whatapi.WhatAPI(username=name, password=password + "x", server=url)
    refused = False
except whatapi.whatapi.LoginException:
    refused = True
client = whatapi.WhatAPI(username=name, password=password, server=url)
data = client.get_torrent(int(os.environ["GZ_ID"]))
client.logout()
try:
    client.request("index")
    left = False
except whatapi.whatapi.RequestException:
    left = True
print(json.dumps({"refused": refused, "download": data.hex() if data else None, "left": left}))
