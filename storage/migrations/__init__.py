"""Hides how a database comes from any version that was released to the newest: a file a step, a folder a database."""
