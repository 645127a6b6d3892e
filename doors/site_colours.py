"""The colours of the pages, made of the one that an operator chooses so that every text stays readable on them."""

import re

_COLOUR = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")
_ENOUGH = 4.6  # a little above what WCAG AA asks of text
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
# The darkest ground of the light pages that links stand on, and the lightest of the dark ones.
_LIGHT_GROUND, _DARK_GROUND = (0xEE, 0xF3, 0xF9), (0x1C, 0x25, 0x30)
_STEPS = 20

Rgb = tuple[int, int, int]


def read_colour(text: str) -> str:
    """Return a colour in lower case, "" for none. ValueError for what is not `#` and six hex digits."""
    if text and not _COLOUR.fullmatch(text):
        raise ValueError("it is a colour as #0b57c2")
    return text.lower()


def colour_rules(colour: str) -> str:
    """Return the CSS that puts a colour in place of the usual one, in light and dark; "" without a colour."""
    found = _COLOUR.fullmatch(colour)
    if not found:
        return ""
    chosen = (int(found[1], 16), int(found[2], 16), int(found[3], 16))
    light, dark = _readable(chosen, _LIGHT_GROUND, _BLACK), _readable(chosen, _DARK_GROUND, _WHITE)
    ground = _WHITE if contrast(chosen, _WHITE) >= _ENOUGH else _BLACK
    mark = f"--mark: {colour}; --on-mark: {_hex(ground)}"
    return (
        f"\n:root {{ --link: {_hex(light)}; {mark} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ --link: {_hex(dark)}; {mark} }} }}\n"
    )


def contrast(one: Rgb, other: Rgb) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _readable(colour: Rgb, ground: Rgb, towards: Rgb) -> Rgb:
    """Return the colour as near to its own as it is readable on a ground."""
    mixed = (_mix(colour, towards, step / _STEPS) for step in range(_STEPS + 1))
    return next((each for each in mixed if contrast(each, ground) >= _ENOUGH), towards)


def _mix(one: Rgb, other: Rgb, part: float) -> Rgb:
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _luminance(colour: Rgb) -> float:
    red, green, blue = (_linear(each / 255) for each in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _hex(colour: Rgb) -> str:
    return "#" + "".join(f"{each:02x}" for each in colour)
