"""`GET /stats.json`, and `GET /stats` in the forms of opentracker that monitoring scripts read."""

from collections.abc import Callable, Mapping
from math import isinf
from types import MappingProxyType
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from doors.json_encoding import encode_json
from doors.service_figures import ServiceFigures
from tracker.census import DayReport
from tracker.counters import TrackerCounters, Transport
from tracker.model import MOST_LARGEST, Event, SwarmTotals
from tracker.sampling import Histogram

_NO_STORE = {"Cache-Control": "no-store"}
_DEFAULT = "peer"
_TOP = 10


class StatsDoor:
    """Answers the tracker's numbers to whoever may read the metrics.

    `clock` gives seconds that never go back; `allows` says who may ask.
    """

    def __init__(
        self,
        counters: Callable[[], TrackerCounters],
        totals: Callable[[], SwarmTotals],
        allows: Callable[[Request], bool],
        figures: ServiceFigures,
        clock: Callable[[], float],
    ) -> None:
        self._counters = counters
        self._totals = totals
        self._allows = allows
        self._figures = figures
        self._version = figures.version
        self._clock = clock
        self._began = clock()

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/stats", self.answer_text, methods=["GET"]),
            Route("/stats.json", self.answer_json, methods=["GET"]),
        ]

    async def answer_text(self, request: Request) -> Response:
        """Answer `mode` as opentracker does, 400 for one that is not spoken here; a browser is sent to the plots."""
        if "mode" not in request.query_params and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("stats/plots", 303, {**_NO_STORE, "Vary": "Accept"})
        if not self._allows(request):
            return _refused()
        write = _MODES.get(request.query_params.get("mode", _DEFAULT))
        if write is None:
            modes = ", ".join(_MODES)
            return PlainTextResponse(f"mode is one of {modes}\n", 400, _NO_STORE)
        return PlainTextResponse(write(self), headers=_NO_STORE)

    async def answer_json(self, request: Request) -> Response:
        """Answer every number by name."""
        if not self._allows(request):
            return _refused()
        counters, totals = self._counters(), self._totals()
        body = {
            "version": self._version,
            "uptime": self._uptime(),
            "torrents": totals.torrents,
            "peers": totals.peers,
            "seeders": totals.complete,
            "leechers": totals.incomplete,
            "completed": _completed(counters),
            "announces": {each.name.lower(): sum(counters.announces[each]) for each in Transport},
            "scrapes": {each.name.lower(): counters.scrapes[each] for each in Transport},
            "refusals": dict(sorted(counters.refusals.items())),
            "warnings": counters.warnings,
            **self._figure_body(),
        }
        return Response(encode_json(body), headers=_NO_STORE, media_type="application/json")

    def _figure_body(self) -> dict[str, object]:
        figures = self._figures
        rates = figures.rates.per_second()
        return {
            "per_second": {
                name: {str(span): rate for span, rate in by.items()} for name, by in rates.items()
            },
            "announce_seconds": {
                over.name.lower(): _summary(times) for over, times in figures.announce_times().items()
            },
            "request_seconds": {
                name: _summary(times) for name, times in sorted(figures.requests.by_class.items())
            },
            "clients": figures.mix.shares(),
            "ip_versions": {str(version): share for version, share in figures.mix.version_shares().items()},
            "countries": _countries(figures.countries()),
            "largest": [
                {
                    "info_hash": infohash.lower,
                    "seeders": counts.complete,
                    "leechers": counts.incomplete,
                    "completed": counts.downloaded,
                }
                for infohash, counts in figures.largest.by_peers(_TOP)
            ],
            "log_ins": dict(sorted(figures.log_ins.items())),
            "lookups": {**dict(sorted(figures.lookups.items())), "running": figures.lookups_under_way()},
            "downloads": {"running": figures.downloads()},
            "build": figures.build(),
        }

    def _top(self) -> str:
        largest = self._figures.largest
        by_peers = [(each.complete + each.incomplete, name) for name, each in largest.by_peers(_TOP)]
        by_seeders = [(each.complete, name) for name, each in largest.by_seeders(_TOP)]
        lines = [f"Top {_TOP} torrents by peers:", *(f"\t{count}\t{name.upper}" for count, name in by_peers)]
        lines += [
            f"Top {_TOP} torrents by seeds:",
            *(f"\t{count}\t{name.upper}" for count, name in by_seeders),
        ]
        return "\n".join(lines) + "\n"

    def _swarms(self) -> str:
        """Return hash, seeders and leechers of the largest swarms alone: no full scrape."""
        return "".join(
            f"{infohash.upper}:{counts.complete}:{counts.incomplete}\n"
            for infohash, counts in self._figures.largest.by_peers(MOST_LARGEST)
        )

    def _uptime(self) -> int:
        return int(self._clock() - self._began)

    def _peers(self) -> str:
        totals = self._totals()
        return (
            f"{totals.peers}\n{totals.complete}\nopentracker serving {totals.torrents} torrents\nopentracker"
        )

    def _torrents(self) -> str:
        torrents = self._totals().torrents
        return f"{torrents}\n0\nopentracker serving {torrents} torrents\nopentracker"

    def _connections(self) -> str:
        counters = self._counters()
        answered = sum(_answered(counters, each) for each in Transport)
        asked = answered + sum(counters.refusals.values())
        return self._two(
            asked, answered, f"connections, {self._rate(asked)} conns/s :: {self._rate(answered)} success/s."
        )

    def _over(self, name: str, *transports: Transport) -> str:
        answered = sum(_answered(self._counters(), each) for each in transports)
        rate = self._rate(answered)
        return self._two(answered, answered, f"{name} stats, {rate} conns/s :: {rate} success/s.")

    def _over_tcp(self) -> str:
        return self._over("tcp4", Transport.HTTP, Transport.WEBSOCKET)

    def _over_udp(self) -> str:
        return self._over("udp4", Transport.UDP)

    def _scrapes(self) -> str:
        scrapes = self._counters().scrapes
        tcp, udp = scrapes[Transport.HTTP] + scrapes[Transport.WEBSOCKET], scrapes[Transport.UDP]
        return self._two(tcp, udp, f"scrape stats, {self._rate(tcp + udp)} scrape/s (tcp and udp)")

    def _completions(self) -> str:
        completed = _completed(self._counters())
        hours = self._uptime() / 3600
        return self._two(completed, 0, f"{int(completed / hours) if hours else 0} completed/h.")

    def _everything(self) -> str:
        counters, totals = self._counters(), self._totals()
        stats = Element("stats")
        for name, value in (("tracker_id", 0), ("version", self._version), ("uptime", self._uptime())):
            SubElement(stats, name).text = str(value)
        torrents = SubElement(stats, "torrents")
        for name in ("count_mutex", "count_iterator"):
            SubElement(torrents, name).text = str(totals.torrents)
        for name, count in (
            ("peers", totals.peers),
            ("seeds", totals.complete),
            ("completed", _completed(counters)),
        ):
            SubElement(SubElement(stats, name), "count").text = str(count)
        connections = SubElement(stats, "connections")
        for name, numbers in _by_protocol(counters).items():
            protocol = SubElement(connections, name)
            for what, count in numbers.items():
                SubElement(protocol, what).text = str(count)
        indent(stats)
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(stats, encoding="unicode") + "\n"

    def _rate(self, count: int) -> int:
        return count // max(self._uptime(), 1)

    def _two(self, first: int, second: int, said: str) -> str:
        """Return two numbers, the uptime and a line, as MRTG reads them."""
        seconds = self._uptime()
        return f"{first}\n{second}\n{seconds} seconds ({seconds // 3600} hours)\nopentracker {said}"


_MODES: Mapping[str, Callable[[StatsDoor], str]] = MappingProxyType(
    {
        "peer": StatsDoor._peers,
        "torr": StatsDoor._torrents,
        "conn": StatsDoor._connections,
        "tcp4": StatsDoor._over_tcp,
        "udp4": StatsDoor._over_udp,
        "scrp": StatsDoor._scrapes,
        "completed": StatsDoor._completions,
        "everything": StatsDoor._everything,
        "top10": StatsDoor._top,
        "tpbs": StatsDoor._swarms,
    }
)


def _summary(times: Histogram) -> dict[str, object]:
    """Return how many there are, and the bounds of the buckets where half of them end and all but a hundredth."""
    bounds = {name: times.quantile(part) for name, part in (("p50", 0.5), ("p99", 0.99))}
    told = {name: None if bound is None or isinf(bound) else bound for name, bound in bounds.items()}
    return {"count": sum(times.counts), "total": round(times.total, 6), **told}


def _countries(report: DayReport | None) -> dict[str, object] | None:
    """Return the peers of a day by country, the most first; None where none was counted."""
    return {"day": report.day.isoformat(), "peers": dict(report.countries)} if report is not None else None


def _answered(counters: TrackerCounters, transport: Transport) -> int:
    return sum(counters.announces[transport]) + counters.scrapes[transport]


def _completed(counters: TrackerCounters) -> int:
    return sum(counters.announces[each][Event.COMPLETED] for each in Transport)


def _by_protocol(counters: TrackerCounters) -> Mapping[str, Mapping[str, int]]:
    """Return what was answered over TCP and over UDP; what opentracker counts and Peerage does not is 0."""
    tcp = (Transport.HTTP, Transport.WEBSOCKET)
    announces = {each: sum(counters.announces[each]) for each in Transport}
    return {
        "tcp": {
            "accept": sum(_answered(counters, each) for each in tcp),
            "announce": sum(announces[each] for each in tcp),
            "scrape": sum(counters.scrapes[each] for each in tcp),
        },
        "udp": {
            "overall": _answered(counters, Transport.UDP),
            "connect": 0,
            "announce": announces[Transport.UDP],
            "scrape": counters.scrapes[Transport.UDP],
            "missmatch": 0,
        },
        "livesync": {"count": 0},
    }


def _refused() -> Response:
    return PlainTextResponse("The numbers are not for this address.\n", 403)
