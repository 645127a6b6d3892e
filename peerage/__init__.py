"""The rooms joined into one running service."""
