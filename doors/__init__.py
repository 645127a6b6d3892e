"""Everything that speaks to the outside: one module per protocol or API, and what they share."""
