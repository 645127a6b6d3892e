"""The catalogue: torrents, groups, categories, tags, authors, comments, collages, and their search."""
