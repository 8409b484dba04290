"""Definitions as staff and users write them, kept in the Catalog table through pynamodb."""
