"""How Assay is seen from outside: logs, traces and the workers' own metrics. No message content goes into any."""
