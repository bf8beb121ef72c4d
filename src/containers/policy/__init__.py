"""Pure: a resolved project to findings."""
