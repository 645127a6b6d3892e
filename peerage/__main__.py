"""Lets `python -m peerage` be the peerage command."""

from peerage.cli import main

main()
