"""The SOAP service over HTTP: the WSDL, calls of `cacheTorrent`, faults."""

import asyncio
import base64
import binascii
from importlib.resources import files
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from actions.uploads import AcceptedUpload
from bittorrent.refusal import Refusal
from doors.admission import AdmittedRoute, ApiDialect, Exchange
from doors.errors import status_digits
from doors.origin import base_url
from doors.upload_admission import UploadAdmission
from soap.envelope import MAX_MARKUP
from tasks.fair_turns import FairSlots

if TYPE_CHECKING:
    from soap.service import CacheService

ENDPOINT = "/api/index.php"

_XML = "text/xml; charset=utf-8"
_MAX_PARSERS = 1  # a call is held several times over while it is parsed
# Base64 is four characters for three bytes; each line of 64 may end in `&#13;`.
_BASE64_EXPANSION = 1.5


def routes(uploads: UploadAdmission) -> list[Route]:
    """Return the service's routes; put them before any other below /api/."""
    soap = _SoapRoutes(uploads)
    dialect = uploads.dialect("upload_soap", soap.refused)
    return [
        Route("/api/torrage.wsdl", soap.wsdl, methods=["GET"]),
        Route(ENDPOINT, soap.endpoint, methods=["GET"]),
        *(_CallRoute(path, uploads, dialect, soap) for path in ("/api/torrage.wsdl", ENDPOINT, "/api/")),
    ]


class _SoapRoutes:
    def __init__(self, uploads: UploadAdmission) -> None:
        self._public_url = uploads.admission.public_url
        self._loaded: CacheService | None = None
        self._loading = asyncio.Lock()
        self._wsdl = files("soap").joinpath("torrage.wsdl").read_text("utf-8")
        self._parsers = FairSlots(_MAX_PARSERS)

    @property
    def _service(self) -> "CacheService":
        assert self._loaded is not None
        return self._loaded

    async def load(self) -> None:
        """Import spyne with the first call and in a thread: it takes a third of a second."""
        async with self._loading:
            if self._loaded is None:
                self._loaded = await asyncio.to_thread(_make_service)

    async def wsdl(self, request: Request) -> Response:
        try:
            base = base_url(request, self._public_url)
        except Refusal as refusal:
            return PlainTextResponse(f"{refusal}\n", refusal.status)
        document = self._wsdl.replace("{address}", escape(base + ENDPOINT, {'"': "&quot;"}))
        storing = "public, max-age=3600" if self._public_url else "no-store"
        return Response(document, headers={"Cache-Control": storing}, media_type=_XML)

    async def endpoint(self, request: Request) -> Response:
        if "wsdl" not in {name.lower() for name in request.query_params}:
            raise HTTPException(405, headers={"Allow": "POST"})
        return await self.wsdl(request)

    async def read(self, exchange: Exchange) -> bytes:
        """Return the torrent of a call. Refusal: `bad-soap`, `empty`, `not-base64`, those of the body."""
        document = await exchange.body.read()
        async with self._parsers.slot():
            return await asyncio.to_thread(self._decode, document)

    def _decode(self, document: bytes) -> bytes:
        packed = "".join(self._service.read(document).split())
        if not packed:
            raise Refusal("empty")
        try:
            return base64.b64decode(packed, validate=True)
        except (binascii.Error, ValueError):
            raise Refusal("not-base64") from None

    def accepted(self, accepted: AcceptedUpload) -> Response:
        """Answer a call with the infohash."""
        return _reply(self._service.answer(accepted.infohash.upper))

    def refused(self, refusal: Refusal) -> Response:
        """Answer a call with a status of three digits, and anything else with a fault."""
        if refusal.code == "bad-soap":
            return _reply(self._service.fault(refusal), 500)
        return _reply(self._service.answer(status_digits(refusal)))


def _make_service() -> "CacheService":
    from soap.service import CacheService  # noqa: PLC0415 - see `load`

    return CacheService()


class _CallRoute(AdmittedRoute):
    """The route of calls, which waits until spyne is imported."""

    def __init__(self, path: str, uploads: UploadAdmission, dialect: ApiDialect, soap: _SoapRoutes) -> None:
        limit = int(uploads.uploads.limit * _BASE64_EXPANSION) + MAX_MARKUP
        call = uploads.endpoint(limit), uploads.handler("soap", soap.read, soap.accepted)
        self._soap = soap
        super().__init__(path, uploads.admission, dialect, {"POST": call})

    async def serve(self, request: Request) -> Response:
        """Answer a call."""
        await self._soap.load()
        return await super().serve(request)


def _reply(envelope: bytes, status: int = 200) -> Response:
    return Response(envelope, status, {"Cache-Control": "no-store"}, media_type=_XML)
