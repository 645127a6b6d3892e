"""Downloads: fetching, storing and serving the content of torrents."""
