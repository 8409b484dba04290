"""Rules as functions of values: no I/O, no clock, no randomness, no environment."""
