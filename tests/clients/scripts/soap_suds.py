import base64
from pathlib import Path

from suds.client import Client

client = Client("http://itorrents.org/api/torrage.wsdl", cache=None)
print(client.service.cacheTorrent(base64.b64encode(Path("my.torrent").read_bytes()).decode()))
