"""Pure: the engine's events and snapshots to what the world looks like."""
