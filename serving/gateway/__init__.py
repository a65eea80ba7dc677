"""The gateway: one OpenAI-compatible door in front of the engines.

    key -> tenant; (tenant, model) -> route -> arm; body -> engine, as `base:adapter`; answer -> back under its own name

A request looks up everything in one immutable `Snapshot`; a new one is put in force by a single assignment. When the
control plane is gone, the last good snapshot goes on answering, also after a restart. `docs/gateway.md` is the manual.
"""
