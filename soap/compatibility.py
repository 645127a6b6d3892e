"""Imports spyne 2.14 on newer Pythons.

Its bundled `six.moves` no longer imports from Python 3.12 on and is replaced by the real one; `cgi`, removed in
3.13, comes from the `legacy-cgi` package. spyne's own deprecation warnings are silenced.
"""

import logging
import sys
import warnings

import six.moves
import six.moves.collections_abc
import six.moves.http_cookies
import six.moves.urllib.error
import six.moves.urllib.parse
import six.moves.urllib.request

_BUNDLED = "spyne.util.six.moves"

sys.modules[_BUNDLED] = six.moves
for _name in ("collections_abc", "http_cookies", "urllib", "urllib.error", "urllib.parse", "urllib.request"):
    sys.modules[f"{_BUNDLED}.{_name}"] = sys.modules[f"six.moves.{_name}"]

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from spyne.application import Application
    from spyne.context import MethodContext
    from spyne.decorator import rpc
    from spyne.error import Fault
    from spyne.model.primitive import Unicode
    from spyne.protocol.soap import Soap11
    from spyne.server import ServerBase
    from spyne.service import ServiceBase

__all__ = ["Application", "Fault", "MethodContext", "ServerBase", "ServiceBase", "Soap11", "Unicode", "rpc"]

# Its importer of those modules is no longer needed, and warns at every import that no other finder resolves.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "spyne.util.six"]

# spyne logs the whole body of a request that it cannot parse.
logging.getLogger("spyne").setLevel(logging.CRITICAL + 1)
