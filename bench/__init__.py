"""The project's own bench: what a call costs in CPU, time and memory, beside the limits."""
