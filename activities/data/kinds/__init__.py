"""Kinds of personal data, and what tells each from other text.

cues       words in four languages that say what stands beside them
gate       one pass over a text: which cues stand where, and which forms may be there
spoken     how a mail address is read out
contact    mail addresses, telephones, user names, addresses of machines
money      cards, accounts, banks
identity   national numbers, documents, health numbers, dates of birth
vehicles   plates and vehicle identification numbers
places     streets, towns, coordinates
"""
