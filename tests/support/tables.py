"""Every table of each database, as the modules of `storage.tables` and of the search declare them."""

from importlib import import_module
from pkgutil import iter_modules

import storage.tables
from storage.sqlite.search.tables import PEERAGE
from storage.tables.databases import SWARMS

__all__ = ["PEERAGE", "SWARMS"]

for module in iter_modules(storage.tables.__path__, "storage.tables."):
    import_module(module.name)
