"""Pure: source texts to a resolved project, or diagnostics."""
