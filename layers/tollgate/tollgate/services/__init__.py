"""Use cases: the order of steps, without rules, storage details or HTTP."""
