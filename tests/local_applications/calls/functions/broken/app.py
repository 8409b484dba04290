"""A function that cannot be loaded."""

raise ImportError("broken on purpose")
