"""The stream that nodes share, on Redis or Valkey."""
