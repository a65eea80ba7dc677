"""Processes: one main per worker kind, and the plugin they share with clients, replayer and tests."""
