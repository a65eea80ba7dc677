"""The demonstration: a client like any other. It uses the typed client, the CLI and HTTP, nothing from inside."""
