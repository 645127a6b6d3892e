"""The base of every table of the settings file, and the types of their values."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from peerage.setting_values import (
    ListenAddress,
    Network,
    read_duration,
    read_items,
    read_listen,
    read_network,
    read_rate,
    read_size,
)

Size = Annotated[int, BeforeValidator(read_size)]
Duration = Annotated[float, BeforeValidator(read_duration)]
Seconds = Annotated[int, BeforeValidator(read_duration)]
Networks = Annotated[
    tuple[Annotated[Network, BeforeValidator(read_network)], ...], BeforeValidator(read_items)
]
Listens = Annotated[
    tuple[Annotated[ListenAddress, BeforeValidator(read_listen)], ...],
    BeforeValidator(read_items),
    Field(min_length=1, max_length=64),
]

OptionalPath = Annotated[Path | None, BeforeValidator(lambda value: value or None)]
"""A path, or nothing for an empty text."""
Rate = Annotated[str, AfterValidator(read_rate), Field(validate_default=False)]

NETWORKS: dict[str, JsonValue] = {"takes": "addresses and networks, as 10.0.0.0/8 or fd00::/8"}
RATE: dict[str, JsonValue] = {
    "takes": "a count per second, minute, hour or day, or per several: 30/10 seconds"
}


class Section(BaseModel):
    """A table of the settings file; its validator is built when a value of it is first given."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, defer_build=True)
