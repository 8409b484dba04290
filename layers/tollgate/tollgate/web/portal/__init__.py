"""The API users have for themselves, below /api/portal: one module per resource."""
