"""Frozen data shared by every stage; imports nothing else of this package."""
