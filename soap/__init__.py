"""The one call of the torrent caches' SOAP service, `cacheTorrent`; spyne and lxml stay in here."""
