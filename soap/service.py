"""SOAP 1.1 by spyne: parses a call of `cacheTorrent`, writes its response or a fault."""

from lxml import etree

from bittorrent.refusal import Refusal
from doors.errors import error_line
from soap import envelope
from soap.compatibility import (
    Application,
    Fault,
    MethodContext,
    ServerBase,
    ServiceBase,
    Soap11,
    Unicode,
    rpc,
)

# The names of the original service; clients send this namespace.
BODY_NAMESPACE = "urn:xmethods-delayed-quotes"
_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_XSD = "http://www.w3.org/2001/XMLSchema"
_RESULT = "Result"
_CALL = (
    f'<e:Envelope xmlns:e="{_SOAP}"><e:Body>'
    f'<n:cacheTorrent xmlns:n="{BODY_NAMESPACE}"/>'
    "</e:Body></e:Envelope>"
).encode()


class _Cache(ServiceBase):  # type: ignore[misc]
    @rpc(Unicode, _returns=Unicode, _out_variable_name=_RESULT)  # type: ignore[untyped-decorator]
    def cacheTorrent(self, torrent: str) -> None:  # noqa: N802
        """Declare the operation; `soap.door` answers it, because accepting a torrent is asynchronous."""


class CacheService:
    """Parses calls and writes responses, synchronously; parse large calls in a thread."""

    def __init__(self) -> None:
        protocols = Soap11(huge_tree=True, parse_xsi_type=False), Soap11()
        self._server = ServerBase(Application([_Cache], BODY_NAMESPACE, "Cache", *protocols))

    def read(self, body: bytes) -> str:
        """Return the call's `torrent`; Refusal "empty" without one, "bad-soap" for anything but a call."""
        document = envelope.checked_utf8(body)
        context = MethodContext(self._server, MethodContext.SERVER)
        try:
            call = self._parse(context, document)
            torrent = call.in_object.torrent
            vars(call).clear()
        except Refusal:
            raise
        except Fault as fault:
            raise Refusal("bad-soap", _line(fault.faultstring)) from None
        except Exception:
            raise Refusal("bad-soap", "it is no call of cacheTorrent") from None
        finally:
            # A context is part of a cycle, and would keep the documents until the collector runs.
            vars(context).clear()
        if not torrent:
            raise Refusal("empty")
        return str(torrent)

    def answer(self, result: str) -> bytes:
        """Return the response envelope with `result`."""
        context = self._parse(MethodContext(self._server, MethodContext.SERVER), _CALL)
        context.out_object = [result]
        return self._write(context)

    def fault(self, refusal: Refusal) -> bytes:
        """Return the envelope of a Client fault."""
        context = MethodContext(self._server, MethodContext.SERVER)
        context.out_error = Fault("Client", error_line(refusal))
        return self._write(context)

    def _parse(self, context: MethodContext, document: bytes) -> MethodContext:
        context.in_string = [document]
        context = self._server.generate_contexts(context)[0]
        if context.in_error is None:
            if len(context.in_body_doc.getparent()) > 1:
                raise Refusal("bad-soap", "send one call at a time")
            self._server.get_in_object(context)
        if context.in_error is not None:
            raise context.in_error
        return context

    def _write(self, context: MethodContext) -> bytes:
        self._server.get_out_string(context)
        return b"".join(context.out_string)


def _as_rpc(context: MethodContext) -> None:
    """Turn spyne's response into rpc style: the part has no namespace and an xsi:type."""
    for part in context.out_document.iter(f"{{{BODY_NAMESPACE}}}{_RESULT}"):
        plain = etree.Element(_RESULT, nsmap={"xsi": _XSI, "xsd": _XSD})
        plain.set(f"{{{_XSI}}}type", "xsd:string")
        plain.text = part.text
        part.getparent().replace(part, plain)


def _line(message: object) -> str:
    return " ".join(str(message).split())[:200]


_Cache.event_manager.add_listener("method_return_document", _as_rpc)
