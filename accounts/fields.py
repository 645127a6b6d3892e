"""Validation of account names, passwords and the attributes of keys."""

import re
from collections.abc import Iterable, Mapping

from bittorrent.refusal import Refusal

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,31}\Z")
_METHOD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_RESERVED = frozenset({"anonymous"})
PASSWORD_SHORTEST, PASSWORD_LONGEST = 8, 1024
_LABEL_LONGEST = 100
_DEVICE_LONGEST = 60
_METHODS_MOST = 64
LIFETIME_LONGEST = 10 * 366 * 86_400


def is_name(text: str) -> bool:
    """Return whether a text is a valid account name."""
    return _NAME.match(text) is not None


def fold(name: str) -> str:
    """Return the case-folded name, which is unique; names are ASCII."""
    return name.lower()


def require_account(name: str, password: str | None) -> None:
    """Refuse an invalid account name or first password: `invalid` (fields `name`, `password`)."""
    problems = {"name": name_problems(name)}
    if password is not None:
        problems["password"] = _password_problems(password, name)
    _refuse(problems)


def require_password(password: str, name: str) -> None:
    """Refuse an invalid password for the account of that name: `invalid` (field `password`)."""
    _refuse({"password": _password_problems(password, name)})


def require_key(label: str, methods: Iterable[str] | None, lifetime: int | None) -> None:
    """Refuse invalid attributes of a key: `invalid` (fields `label`, `methods`, `lifetime` in seconds)."""
    named = None if methods is None else frozenset(methods)
    problems: dict[str, list[str]] = {"label": [], "methods": [], "lifetime": []}
    if len(label) > _LABEL_LONGEST or not (label == "" or label.isprintable()):
        problems["label"].append(f"It is one line of at most {_LABEL_LONGEST} printable characters.")
    if named is not None and not _are_methods(named):
        problems["methods"].append(f"They are 1 to {_METHODS_MOST} names of letters, digits and ._- signs.")
    if lifetime is not None and not 0 < lifetime <= LIFETIME_LONGEST:
        problems["lifetime"].append("It is at least a second and at most ten years.")
    _refuse(problems)


def require_device_name(name: str) -> None:
    """Refuse an invalid name of a device: `invalid` (field `name`)."""
    if not name or len(name) > _DEVICE_LONGEST or not name.isprintable():
        _refuse({"name": [f"It is one line of 1 to {_DEVICE_LONGEST} printable characters."]})


def _are_methods(names: frozenset[str]) -> bool:
    return 0 < len(names) <= _METHODS_MOST and all(_METHOD.match(name) for name in names)


def name_problems(name: str) -> list[str]:
    """Return a sentence for each reason why a text can name no account."""
    if not is_name(name):
        return ["It has 2 to 32 letters a-z, digits and ._- signs, and begins with a letter or digit."]
    return ["It is reserved."] if fold(name) in _RESERVED else []


def _password_problems(password: str, name: str) -> list[str]:
    problems = []
    if not PASSWORD_SHORTEST <= len(password) <= PASSWORD_LONGEST:
        problems.append(f"It has {PASSWORD_SHORTEST} to {PASSWORD_LONGEST} characters.")
    if password.lower() == name.lower():
        problems.append("It is not the name.")
    if any("\ud800" <= sign <= "\udfff" for sign in password):
        problems.append("It holds half a character.")
    return problems


def _refuse(problems: Mapping[str, list[str]]) -> None:
    fields = {field: sentences for field, sentences in problems.items() if sentences}
    if fields:
        raise Refusal("invalid", fields=fields)
