"""How long requests take until their answer begins, by route class: an ASGI middleware and its histograms."""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tracker.sampling import Histogram

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets, in seconds."""
OTHER = "other"
"""The class of routes that are no dialect's."""


class RequestTimes:
    """Histograms of the seconds from a request to the beginning of its answer, by the dialect that answered."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.by_class: dict[str, Histogram] = {}
        self._clock = clock

    @property
    def count(self) -> int:
        """How many requests were answered."""
        return sum(sum(each.counts) for each in self.by_class.values())

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return an application that times the requests to another one."""

        async def timed(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            began = self._clock()

            async def send_on(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self._add(scope, self._clock() - began)
                await send(message)

            await app(scope, receive, send_on)

        return timed

    def _add(self, scope: Scope, seconds: float) -> None:
        dialect = getattr(scope.get("route"), "dialect", None)
        name = dialect.name if dialect is not None else OTHER
        if name not in self.by_class:
            self.by_class[name] = Histogram(BOUNDS)
        self.by_class[name].add(seconds)
