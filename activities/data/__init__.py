"""Governed data: rows come in, are scanned and judged one by one, and leave as an immutable dataset.

rows        what a row may look like, and its identity
reader      JSONL sources as a stream, with every fault named by its line
licences    SPDX expressions, normalised
personal    personal data in one text: what a recogniser is, and what a rule is
kinds       the kinds, each with its cues, forms and checks; names with their list and model
rules       all rules, and which of them a text calls for
hidden      what is inside base64 and in pieces
dates       dates as people write them
normal_form what a value denotes, however it is written
invented    stand-ins for what is replaced
credentials keys and tokens in one text
findings    both, over every string of a row
redaction   a row with what was found replaced by typed placeholders
facts       what the intake gate is asked about a row
screening   read, scan, ask, keep or refuse: one source
dpia        signed assessments of regulated systems
seen        rows that were met before
ledger      the entry that every row gets, and the shard that accepted rows go to
sealing     screened sources become a dataset: manifest, lineage, registry
activity    the Temporal activities
"""
