"""Everything that speaks to the outside, a file a door, and what every door shares."""
