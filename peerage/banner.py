"""The text that `serve` prints at start: addresses, data folder, and warnings about an unsafe setup."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from peerage import __version__
from peerage.config import Settings
from peerage.setting_values import ListenAddress, is_loopback
from tracker.mode import Mode


def banner(
    settings: Settings, bound: Sequence[ListenAddress], *, lists_empty: bool, admin_link: Path | None = None
) -> str:
    """Write the lines that `serve` prints once it answers; `bound` are the addresses with their real ports.

    `admin_link` is the file with the first admin's link, until it is redeemed.
    """
    lines = [f"Peerage {__version__}", ""]
    rows = [row for address in bound for row in _addresses(address, websocket=settings.websocket.enabled)]
    width = max(len(url) for url, _ in rows)
    lines += [f"  {url:<{width}}   {what}" for url, what in rows]
    if settings.public_url:
        lines += ["", f"  public    {settings.public_url}"]
    lines += ["", f"  data      {settings.data.absolute()}", f"  torrents  {_policy(settings)}"]
    if admin_link is not None:
        lines += [f"  admin     open the link in {admin_link}, once, to set the password"]
    warnings = list(setup_warnings(settings, bound, lists_empty=lists_empty))
    lines += ["", *(f"  ! {text}" for text in warnings)] if warnings else []
    return "\n".join([*lines, ""])


def setup_warnings(settings: Settings, bound: Sequence[ListenAddress], *, lists_empty: bool) -> Iterable[str]:
    """Yield a sentence for each unsafe setting."""
    public = [address for address in bound if not is_loopback(address.host)]
    everywhere = [proxy for proxy in settings.trusted_proxies if proxy.prefixlen == 0]
    exposed = settings.public_url or (public[0] if public else None)
    if exposed and settings.tracker.mode is Mode.PUBLIC and lists_empty:
        yield f"{exposed} tracks any torrent for anyone: set tracker.mode, or block what must not be here."
    if everywhere:
        yield "trusted_proxies covers every address, so anyone can claim any address: name your proxies alone."
    if settings.metrics.open and exposed:
        yield "metrics.open lets anyone read /metrics: name networks in metrics.networks instead."
    if public and settings.public_url is None:
        yield "public_url is unset, so links are made from the Host header that each request brings: set it."


def _addresses(address: ListenAddress, *, websocket: bool) -> list[tuple[str, str]]:
    rows = [
        (f"http://{address}/", "web, .torrent files, SOAP"),
        (f"http://{address}/announce", "tracker over HTTP"),
        (f"udp://{address}/announce", "tracker over UDP"),
    ]
    return [*rows, (f"ws://{address}/announce", "tracker over WebSocket")] if websocket else rows


def _policy(settings: Settings) -> str:
    if settings.tracker.mode is Mode.PUBLIC:
        return "any that is not blocked"
    listed = "those that the cache holds or `peerage allow` names"
    return f"{listed}, with a passkey" if settings.tracker.mode is Mode.PRIVATE else listed
