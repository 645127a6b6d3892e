"""Checks of the settings: what is unsafe, and whether the engine and the extension that they ask for are there."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec

from actions.diagnosis import Finding, Grade
from peerage.banner import setup_warnings
from peerage.diagnosis.examined import Examined


def wrong_settings(problems: Sequence[str]) -> Iterator[Finding]:
    """Yield a finding for each setting that is wrong, so that nothing else could be looked at."""
    for each in problems:
        remedy = "Correct it; `peerage settings` prints every setting with what it takes."
        yield Finding("settings", Grade.PROBLEM, each, remedy)


def examine_settings(examined: Examined) -> Iterator[Finding]:
    """Find what the settings leave unsafe."""
    settings = examined.settings
    addresses = examined.service.listening if examined.service is not None else settings.listen
    unsafe = list(setup_warnings(settings, addresses, lists_empty=False))
    for each in unsafe:
        sentence, _, remedy = each.rpartition(": ")
        yield Finding("settings", Grade.WARNING, sentence or each, _as_sentence(remedy) if sentence else "")
    if not unsafe:
        yield Finding("settings", Grade.GOOD, "every setting that was given can be read, and none is unsafe")


def examine_programs(examined: Examined) -> Iterator[Finding]:
    """Find whether the C extension and the engine of the downloads are there."""
    settings = examined.settings
    try:
        import_module("tracker._native")
    except ImportError as error:
        yield Finding(
            "extension",
            Grade.PROBLEM if "native" in {settings.tracker.store, settings.tracker.door} else Grade.WARNING,
            f"the C extension is not there ({error}): store and doors in Python serve, far slower",
            "Install a wheel, or gcc and python3-dev and then the package again.",
        )
    else:
        yield Finding("extension", Grade.GOOD, "the C extension is built")
    if not settings.downloads.enabled:
        return
    if find_spec("libtorrent") is None:
        remedy = "Install the engine: pip install 'peerage[downloads]'; or set downloads.enabled = false."
        yield Finding(
            "engine", Grade.PROBLEM, "downloads are enabled, and libtorrent is not installed", remedy
        )
    else:
        yield Finding("engine", Grade.GOOD, "libtorrent is installed")


def _as_sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
