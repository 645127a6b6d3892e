"""Values of statements as `sqlite3` takes them."""

from collections.abc import Mapping, Sequence
from typing import Any

Values = Sequence[Any] | Mapping[str, Any]


def bound(parameters: Values) -> Values:
    """Return parameters as `sqlite3` takes them: it knows no mapping but a dictionary."""
    if isinstance(parameters, dict) or not isinstance(parameters, Mapping):
        return parameters
    return dict(parameters)
