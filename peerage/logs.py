"""Log output: its format and level, and the redaction of secrets."""

import logging
import re
import sys
from asyncio import CancelledError
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from peerage.sections import LogSection

HIDDEN = "[hidden]"
_DEPTH = 8
_WORDS = ("passkey", "token", "password", "passwd", "secret", "authorization", "cookie", "credential")
# Spellings of our dialects that are secrets only as a whole name, or right before an equals sign.
_SHORT = r"key|auth|authkey|torrent_pass"
_KEYS = re.compile(rf"(?:^|[_.-])(?:api_?)?keys?$|^(?:{_SHORT})$|" + "|".join(_WORDS), re.IGNORECASE)
_QUERY = re.compile(r"(?<=[\w/=~.\])-])\?[^\s\"'<>]+")
_PASSKEY_PATH = re.compile(r"/[^\s/?\"'<>]{8,}(?=/(?:announce|scrape)\b)")
_PASSKEY_TAIL = re.compile(r"(/(?:announce|scrape)/)[^\s/?\"'<>]+")
_SECRET_PATH = re.compile(r"(/(?:welcome|join|mail|dld)/)[^\s?\"'<>]+", re.IGNORECASE)
_OWN_FORM = re.compile(r"\bpg_[a-z-]+_[A-Za-z0-9_-]{20,}")
_PARAMETER = re.compile(rf"(?<![\w-])((?:{_SHORT})=)[^\s&;,\"'<>]+", re.IGNORECASE)
_ASSIGNMENT = re.compile(
    r"(\b[\w-]*(?:" + "|".join(_WORDS) + r"|apikey|api[_-]key)[\w-]*[\"']?\s*[:=]\s*)"
    r"(\"[^\"]*\"|'[^']*'|(?:bearer|basic|token)\s+[^\s,;&]+|[^\s,;&]+)",
    re.IGNORECASE,
)
_USER_INFO = re.compile(r"(?<=://)[^\s/@\"'<>]+(?=@)")
_BEARER = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE)


def redact_text(text: str) -> str:
    """Take query strings, user information of URLs, secrets in paths, named secrets and our own keys out of a text."""
    text = _QUERY.sub("?" + HIDDEN, text)
    text = _PASSKEY_PATH.sub("/" + HIDDEN, text)
    text = _PASSKEY_TAIL.sub(rf"\g<1>{HIDDEN}", text)
    text = _SECRET_PATH.sub(rf"\g<1>{HIDDEN}", text)
    text = _OWN_FORM.sub(HIDDEN, text)
    text = _PARAMETER.sub(rf"\g<1>{HIDDEN}", text)
    text = _ASSIGNMENT.sub(rf"\g<1>{HIDDEN}", text)
    text = _USER_INFO.sub(HIDDEN, text)
    return _BEARER.sub(rf"\g<1> {HIDDEN}", text)


def redact_value(value: object, depth: int = _DEPTH) -> object:
    """Redact a value of any shape; what nests deeper than `depth` is hidden whole."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth <= 0:
        return HIDDEN
    if isinstance(value, Mapping):
        return {_text(key): _redact_item(_text(key), item, depth - 1) for key, item in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str | bytes | bytearray):
        return [_redact_item("", item, depth - 1) for item in value]
    return redact_text(_text(value))


def _redact_item(key: str, value: object, depth: int) -> object:
    if _KEYS.search(key):
        return HIDDEN
    if isinstance(value, tuple) and len(value) == 2 and _KEYS.search(_text(value[0])):
        return [_text(value[0]), HIDDEN]  # a header as ASGI has it
    return redact_value(value, depth)


def _text(value: object) -> str:
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("latin-1")
    return str(value)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Redact a whole log line; it runs last before the line is written, tracebacks included."""
    return {
        key: value if key.startswith("_") else _redact_item(key, value, _DEPTH)
        for key, value in event.items()
    }


def configure_logs(settings: LogSection, stream: TextIO | None = None) -> None:
    """Send structlog and the standard library's logging to one stream (stderr) in one form, redacted.

    uvicorn's access log is off: no line is written per request. spyne is silenced where it is imported.
    """
    out = stream or sys.stderr
    wants_json = settings.format == "json" or (settings.format == "auto" and not out.isatty())
    level = getattr(logging, settings.level.upper())
    handler = logging.StreamHandler(out)
    handler.setFormatter(_formatter(wants_json, colors=out.isatty()))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    _quiet_libraries(level)
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def without_cancellation(record: logging.LogRecord) -> bool:
    """Take the traceback off a request that was cancelled because the service ends: that is no fault."""
    if record.exc_info and isinstance(record.exc_info[1], CancelledError):
        record.exc_info, record.msg, record.args = None, "request cancelled at the end", ()
    return True


def _quiet_libraries(level: int) -> None:
    """Send library logs through the root handler alone, and drop access logs."""
    for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(max(level, logging.INFO))
        library.addFilter(without_cancellation)
    # Alembic logs every plugin that it finds, at each start.
    logging.getLogger("alembic").setLevel(max(level, logging.WARNING))
    access = logging.getLogger("uvicorn.access")
    access.handlers.clear()
    access.propagate = False
    access.disabled = True


def _shared() -> list[Processor]:
    """Return the processors of every line, whichever library it comes from."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _formatter(wants_json: bool, *, colors: bool) -> logging.Formatter:
    renderer: Any = (
        structlog.processors.JSONRenderer() if wants_json else structlog.dev.ConsoleRenderer(colors=colors)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redact,
            renderer,
        ],
    )
