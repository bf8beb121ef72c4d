"""A plan carried out: steps in parallel, gates, and undoing what must not stay."""
