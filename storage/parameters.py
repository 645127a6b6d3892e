"""Query parameters within the bounds that every database has."""

MAX_INTEGER = 2**63 - 1
MAX_PAGE_ROWS = 10_000


def bounded_id(number: int) -> int:
    """Return the id, or 0, which no row has, for one beyond 64 bits."""
    return number if 0 < number <= MAX_INTEGER else 0


def page_parameters(offset: int, limit: int) -> dict[str, int]:
    """Return the parameters of a page, of at most MAX_PAGE_ROWS rows."""
    return {"offset": min(max(offset, 0), MAX_INTEGER), "limit": min(max(limit, 0), MAX_PAGE_ROWS)}
