"""The cache's .torrent files in a bucket that speaks S3, with copies of what is asked for on the node's disk."""
