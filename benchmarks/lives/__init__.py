"""Whole lifecycles in great numbers: the real control plane, and quick stand-ins for what takes a model or a GPU."""
