"""HTTP in and out: routing, authentication, errors as JSON, streamed answers."""
