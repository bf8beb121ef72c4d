"""Pure: what a changed file means."""
