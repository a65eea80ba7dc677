"""A labelled benchmark for personal data: corpus from a seed, scores by kind, beside Presidio's defaults.

make bench-pii        # prints the tables and writes benchmarks/results/pii.json and docs/performance.md
"""
