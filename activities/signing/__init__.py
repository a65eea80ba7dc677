"""Signatures over weights, and signed statements about them, all over one root digest.

weights     sign and verify a directory of weights (OpenSSF Model Signing)
pickles     no file that runs code when it is loaded
statements  what is said: in-toto statements of provenance, evaluation and gate decisions
envelope    the exact bytes, signed: DSSE
verifier    what must have been said, as small policies that compose
version     all of it for one registered version: before promotion, at staging, before load
activity    the Temporal activities
"""
