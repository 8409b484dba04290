"""HTTP to model vendors: the only room that knows httpx for relaying."""
