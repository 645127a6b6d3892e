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

from bittorrent.refusal import Refusal
from doors.errors import status_digits
from doors.origin import base_url
from doors.request_limits import Body
from doors.upload_admission import UploadAdmission
from soap.envelope import MAX_MARKUP

if TYPE_CHECKING:
    from soap.service import CacheService

ENDPOINT = "/api/index.php"

_XML = "text/xml; charset=utf-8"
_MAX_PARSERS = 2
# Base64 is four characters for three bytes; each line of 64 may end in `&#13;`.
_BASE64_EXPANSION = 1.5


def routes(admission: UploadAdmission) -> list[Route]:
    """Return the service's routes; put them before any other below /api/."""
    soap = _SoapRoutes(admission)
    return [
        Route("/api/torrage.wsdl", soap.wsdl, methods=["GET"]),
        Route(ENDPOINT, soap.endpoint, methods=["GET"]),
        *(Route(path, soap.call, methods=["POST"]) for path in ("/api/torrage.wsdl", ENDPOINT, "/api/")),
    ]


class _SoapRoutes:
    def __init__(self, admission: UploadAdmission) -> None:
        self._admission = admission
        self._loaded: CacheService | None = None
        self._loading = asyncio.Lock()
        self._wsdl = files("soap").joinpath("torrage.wsdl").read_text("utf-8")
        self._parsers = asyncio.Semaphore(_MAX_PARSERS)

    async def wsdl(self, request: Request) -> Response:
        try:
            base = base_url(request, self._admission.public_url)
        except Refusal as refusal:
            return PlainTextResponse(f"{refusal}\n", refusal.status)
        document = self._wsdl.replace("{address}", escape(base + ENDPOINT, {'"': "&quot;"}))
        storing = "public, max-age=3600" if self._admission.public_url else "no-store"
        headers = {"Cache-Control": storing, "X-Content-Type-Options": "nosniff"}
        return Response(document, headers=headers, media_type=_XML)

    async def endpoint(self, request: Request) -> Response:
        if "wsdl" not in {name.lower() for name in request.query_params}:
            raise HTTPException(405, headers={"Allow": "POST"})
        return await self.wsdl(request)

    async def call(self, request: Request) -> Response:
        """Answer a call with the infohash or a status of three digits; answer anything else with a fault."""
        service = await self._service()
        limit = int(self._admission.uploads.limit * _BASE64_EXPANSION) + MAX_MARKUP

        async def read(body: Body) -> bytes:
            document = await body.read()
            async with self._parsers:
                return await asyncio.to_thread(_decode, service, document)

        try:
            accepted = await self._admission.take(request, "soap", limit, read)
        except Refusal as refusal:
            if refusal.code == "bad-soap":
                return self._reply(service.fault(refusal), 500)
            return self._reply(service.answer(status_digits(refusal)), close=refusal.code == "too-large")
        return self._reply(service.answer(accepted.infohash.upper))

    async def _service(self) -> "CacheService":
        """Return the service, imported with the first call and in a thread: spyne takes a third of a second."""
        async with self._loading:
            if self._loaded is None:
                self._loaded = await asyncio.to_thread(_make_service)
            return self._loaded

    def _reply(self, envelope: bytes, status: int = 200, *, close: bool = False) -> Response:
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        if close:
            # The rest of the body is not read.
            headers["Connection"] = "close"
        return Response(envelope, status, headers, media_type=_XML)


def _make_service() -> "CacheService":
    from soap.service import CacheService  # noqa: PLC0415 - see `_service`

    return CacheService()


def _decode(service: "CacheService", document: bytes) -> bytes:
    packed = "".join(service.read(document).split())
    if not packed:
        raise Refusal("empty")
    try:
        return base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal("not-base64") from None
