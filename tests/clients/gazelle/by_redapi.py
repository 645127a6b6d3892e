"""redapi: the bare token, and POST with the parameters in the query."""

import json
import os

from redapi import RedAPI, redapi

url, number = os.environ["GZ_URL"], int(os.environ["GZ_ID"])
try:
    RedAPI(apikey="nothing", server=url)
    refused = ""
except redapi.LoginException as error:
    refused = str(error)
client = RedAPI(apikey=os.environ["GZ_TOKEN"], server=url)
data = client.get_torrent(number)
print(
    json.dumps(
        {
            "refused": refused,
            "me": client.username,
            "hash": client.request("torrent", id=number)["response"]["torrent"]["infoHash"],
            "found": len(
                client.manual_request("action=browse&searchstr=" + os.environ["GZ_WORD"])["response"][
                    "results"
                ]
            ),
            "download": data.hex() if data else None,
        }
    )
)
