"""Accounts: users, sessions, keys and rights."""
