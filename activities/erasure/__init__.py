"""Erasure: rows withdrawn from use at once, destroyed, searched for again, and a receipt for it."""
