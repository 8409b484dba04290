"""A stand-in for model vendors on one machine: realistic answers, and every fault on request."""
