"""The gates, one module a concern."""
