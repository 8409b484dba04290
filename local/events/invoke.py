"""How an event source calls a function: one JSON event in, one JSON result or a failure out."""

from collections.abc import Callable, Mapping
from typing import Any

Event = Mapping[str, Any]
Invoke = Callable[[Event], Any]
"""Calls the function and waits for its result.

Raises:
    InvocationFailed: the function failed; nothing is known of what it did.
"""
