"""How several nodes hold the same swarms: batches of changes over a stream, and snapshots for who missed some."""
