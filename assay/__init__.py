"""Assay: a control plane for fine-tuned language models.

What another service may import: `assay.contracts` (messages, names, error codes) and `assay.client`.
"""

__version__ = "0.1.0"
