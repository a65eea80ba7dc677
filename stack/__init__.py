"""The local stack: what `assay up` starts, how it is supervised, what it needs, how it feels."""
