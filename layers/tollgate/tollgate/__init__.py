"""Tollgate: relays any model call and gets the money right."""

__version__ = "0.1.0"
