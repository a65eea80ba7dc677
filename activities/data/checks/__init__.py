"""Checks of rows beside those for personal data and secrets: toxicity, licence texts, injection, language, repetition.

Each is a small pure function; `Checks` runs them over a batch. `NearDuplicates` compares rows with all before them.
"""

from activities.data.checks.contamination import Contamination
from activities.data.checks.duplicates import NearDuplicates
from activities.data.checks.looking import Checks, RowChecks, language_in, near_duplicate

__all__ = ["Checks", "Contamination", "NearDuplicates", "RowChecks", "language_in", "near_duplicate"]
