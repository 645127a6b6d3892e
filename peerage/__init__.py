"""Settings, commands and wiring: all packages joined into one running service."""

__version__ = "0.1.0"
