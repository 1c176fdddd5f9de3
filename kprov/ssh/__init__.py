"""Reaches machines: keys, pinned host keys, one connection or many at once."""
