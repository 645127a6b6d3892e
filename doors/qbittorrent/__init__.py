"""qBittorrent's Web API over the accounts' downloads: what Sonarr, Radarr and their like speak to a download client."""
