"""Serving: gateway, route tables, engines, reconciler, capacity."""
