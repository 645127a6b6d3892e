"""The `cacheTorrent` operation over SOAP 1.1; spyne and lxml are fenced in here."""
