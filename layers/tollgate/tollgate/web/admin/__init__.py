"""The management API for staff, below /api/admin: one module per resource."""
