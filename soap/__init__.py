"""The torrent caches' SOAP service with its one operation, `cacheTorrent`; only here spyne and lxml are imported."""
