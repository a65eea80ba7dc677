"""Side-by-side measurements. `make bench` runs them all and writes docs/performance.md; each also runs by itself."""
