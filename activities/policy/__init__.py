"""Gates: the bundle that OPA decides with, the client that asks, and the facts that are asked about.

opa        find the OPA binary
bundle     build and sign the policy bundle
config     what the OPA server is started with
client     one question, one typed decision
facts      the input documents of the gates, from registry and blobs
activity   the Temporal activities
"""
