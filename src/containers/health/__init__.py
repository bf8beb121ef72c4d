"""Pure: when to check, when to restart, when to give up."""
