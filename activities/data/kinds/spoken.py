"""How a mail address is read out. Whoever finds one, and whoever writes it out, goes by these words."""

from __future__ import annotations

from typing import Final

SAID: Final = (
    ("at|ät|klammeraffe", "dot|punkt"),
    ("arobase|chez|arroba", "dot|point|punto"),
)
"""Words for `@`, and the words for a dot that go with them: a pair for languages that share one."""
AT: Final = "|".join(at for at, _ in SAID)
DOT: Final = "|".join(dict.fromkeys("|".join(dot for _, dot in SAID).split("|")))
BRACKETED_AT: Final = "at|ät|arroba|arobase"
"""In brackets, as people write it; the others stand there in prose."""
