"""Words meant for the model that reads a row instead of for people, and ways to carry data out.

Phrases are English, German, French, Spanish, Italian and Portuguese. A paraphrase that uses none of them is not seen.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

_FILL: Final = r"(?:[\w'\u2019]+\s+){0,4}?"
"""Up to four words between a verb and its object."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


PHRASES: Final[dict[str, tuple[tuple[str, ...], re.Pattern[str]]]] = {
    # Kind: words of which one must stand in a text before the pattern is tried, and the pattern, all in lower case.
    "override": (
        _words(
            "ignor|disregard|forget|overrid|vergiss|vergessen|missacht|"
            "oublie|abstraction|olvid|caso omiso|dimentica|esque|desconsider|compte"
        ),
        _any(
            rf"\b(?:ignore|disregard|forget|override)\s+{_FILL}(?:previous|prior|above|earlier|preceding"
            rf"|original|system)"
            rf"\s+{_FILL}(?:instructions?|prompts?|rules|guidelines|directions|directives|messages?|training"
            rf"|context)\b",
            r"\b(?:ignore|disregard|forget|override)\s+(?:all\s+(?:of\s+)?)?your\s+(?:[\w'\u2019]+\s+)?"
            r"(?:instructions?|prompts?|rules|guidelines|programming|training)\b",
            r"\b(?:ignore|disregard|forget)\s+(?:everything|all|anything)\s+(?:that\s+(?:was|is)\s+|you\s+were\s+)?"
            r"(?:above|before\s+this|said\s+before|told\s+before|told\s+so\s+far)\b",
            rf"\b(?:ignorieren?|vergiss|vergessen|missachten?)\s+(?:sie\s+)?{_FILL}"
            rf"(?:vorherig|bisherig|obig|vorangegangen|früher|ursprünglich|dein|ihr)e[nrs]?\s+{_FILL}"
            r"(?:anweisung(?:en)?|instruktion(?:en)?|vorgaben|regeln|befehle|prompts?)\b",
            r"\b(?:ignore[zr]?|oublie[zr]?|(?:fai(?:s|tes)\s+)?abstraction\s+de|(?:pas|aucun)\s+compte\s+d)e?s?\s+"
            rf"{_FILL}(?:instructions?|consignes?|directives?|règles|ordres)\s+(?:\w+\s+)?"
            r"(?:précédente?s?|antérieure?s?|ci-dessus|initiales?|d['\u2019]origine)",
            r"\b(?:ignore[zr]?|oublie[zr]?)\s+(?:toutes\s+)?(?:tes|vos)\s+(?:instructions?|consignes?"
            r"|directives?|règles)\b",
            rf"\b(?:ignor[ae]d?|olvid[ae]d?|caso\s+omiso\s+(?:de|a))\s+{_FILL}"
            r"(?:instrucciones|órdenes|reglas|indicaciones|directrices)\s+(?:anteriores|previas|originales"
            r"|iniciales)\b",
            r"\b(?:ignor[ae]d?|olvid[ae]d?)\s+(?:todas\s+)?(?:tus|sus)\s+(?:instrucciones|reglas|directrices)\b",
            rf"\b(?:ignora|dimentica)\s+{_FILL}(?:istruzioni|regole)\s+(?:precedenti|iniziali|originali)\b",
            rf"\b(?:ignore|esqueça|desconsidere)\s+{_FILL}(?:instruções|regras|orientações)\s+(?:anteriores|prévias)\b",
        ),
    ),
    "disclosure": (
        ("system", "instruct", "prompt", "anweisung", "instruc"),
        _any(
            rf"\b(?:reveal|show|print|repeat|output|display|leak|disclose|give\s+me|tell\s+me|write\s+out)\s+{_FILL}"
            r"(?:system\s+(?:prompt|message|instructions)|(?:initial|hidden|secret|original)\s+(?:instructions"
            r"|prompt))\b",
            r"\bwhat\s+(?:is|are|was|were)\s+your\s+(?:system|initial|hidden|secret|original)\s+(?:prompt"
            r"|instructions)\b",
            rf"\b(?:zeige?|verrate?n?|gib|nenne?|wiederhole?)\s+{_FILL}"
            r"(?:system-?\s?prompts?|systemanweisung(?:en)?|systemnachricht|(?:geheimen?"
            r"|ursprünglichen?)\s+anweisungen)\b",
            rf"\b(?:révèle[zr]?|montre[zr]?|affiche[zr]?|répète[zr]?|donne[zr]?(?:-moi)?)\s+{_FILL}"
            r"(?:prompt\s+système|instructions\s+(?:initiales|système|cachées|secrètes))",
            rf"\b(?:revela|muestra(?:me)?|muéstrame|repite|imprime|dime)\s+{_FILL}"
            r"(?:prompt\s+(?:del|de)\s+sistema|instrucciones\s+(?:iniciales|ocultas|secretas|del\s+sistema))",
        ),
    ),
    "jailbreak": (
        _words(
            "anything now|developer mode|jailbr|restrict|unfiltered|"
            "uncensored|filter|einschränk|restriccion|sin filtro|entwicklermodus"
        ),
        _any(
            r"\bdo\s+anything\s+now\b",
            r"\b(?:developer|jailbreak|god|dan)\s+mode\s+(?:is\s+)?(?:now\s+)?(?:on|enabled|activated)\b",
            r"\b(?:enable|activate|enter)\s+(?:developer|jailbreak|dan)\s+mode\b",
            r"\byou\s+are\s+(?:now\s+)?(?:an?\s+)?(?:unrestricted|unfiltered|uncensored|jailbroken)\b",
            r"\b(?:act|respond|answer|behave)\s+(?:as|like)\s+(?:an?\s+)?(?:unrestricted|unfiltered|uncensored)\b",
            r"\b(?:you\s+have|pretend\s+(?:that\s+)?you\s+have|with)\s+no\s+(?:\w+\s+)?(?:restrictions|filters"
            r"|guardrails)\b",
            r"\bwithout\s+(?:any\s+)?(?:ethical|moral|safety)\s+(?:guidelines|restrictions|filters|constraints)\b",
            r"\b(?:antworte|handle|du\s+bist|agiere)\s+(?:[\w'\u2019]+\s+){0,4}ohne\s+(?:jegliche\s+|alle\s+)?"
            r"(?:einschränkungen|filter|beschränkungen)\b",
            r"\bentwicklermodus\s+(?:ist\s+)?(?:jetzt\s+)?(?:aktiviert|an|ein)\b",
            r"\b(?:réponds|répondez|agis"
            r"|tu\s+es)\s+(?:[\w'\u2019]+\s+){0,4}sans\s+(?:aucune?\s+)?(?:restrictions?|filtres?)\b",
            r"\b(?:responde|actúa|eres)\s+(?:[\w'\u2019]+\s+){0,4}sin\s+(?:ninguna?\s+)?(?:restricci(?:ones|ón)"
            r"|filtros?)\b",
        ),
    ),
    "concealment": (
        ("user", "assistant", "agents", "language model", "nutzer", "utilisateur", "usuario"),
        _any(
            r"\b(?:do\s+not|don['\u2019]?t|never)\s+(?:tell|inform|mention|reveal|disclose|notify|alert)\s+"
            r"(?:[\w'\u2019]+\s+){0,3}?(?:the|your)\s+user\b",
            r"\bwithout\s+(?:telling|informing|notifying|alerting|asking)\s+the\s+user\b",
            r"\b(?:note|message|instructions?|attention)\s+(?:to|for)\s+(?:the\s+|any\s+|all\s+)?"
            r"(?:ai|llm|language\s+models?)(?:\s+(?:assistants?|agents?|models?))?\s*[:,]",
            r"\bif\s+you\s+are\s+an?\s+(?:ai|llm|language\s+model)\b[^.\n]{0,40}?[,:]\s*"
            r"(?:then\s+)?(?:you\s+must|please|say|write|send|do|rate|recommend|respond|answer)\b",
            r"\b(?:ai|llm)\s+(?:assistants?|agents?|models?)\s+(?:reading|processing|summari[sz]ing)\s+this\b",
            r"\bsag(?:e|en)?\s+(?:sie\s+)?(?:es\s+|das\s+|davon\s+)?(?:dem"
            r"|der)\s+(?:be)?nutzer(?:in)?\s+(?:davon\s+)?nicht",
            r"\bohne\s+(?:es\s+)?(?:dem|der|den|die)\s+(?:be)?nutzer(?:in)?\s+(?:\w+\s+)?(?:zu\s+sagen"
            r"|zu\s+informieren|mitzuteilen)",
            r"\bn['\u2019e]\s?(?:en\s+|le\s+)?(?:dis|dites|informe[zr]?|parle[zr]?)\s+(?:rien"
            r"|pas)\s+(?:à\s+)?l['\u2019]utilisateur",
            r"\bno\s+(?:se\s+lo\s+|le\s+)?(?:digas|informes|menciones|reveles)\s+(?:[\w'\u2019]+\s+){0,3}?(?:al"
            r"|el)\s+usuario\b",
        ),
    ),
    "exfiltration": (
        _words("](http|<img|send|post|upload|forward|curl|wget|fetch|cookie|sende|schick|envoie|envoye|envía|envia"),
        _any(
            # An image is fetched without a click: data in its address leaves at once.
            r"!\[[^\]\n]{0,200}\]\(https?://[^\s)]{1,300}[?&][\w-]{1,40}=(?:\{|%7b|\[|<|\$|%24|[\w+/%=-]{48})",
            r"<img[^>\n]{0,200}src\s?=\s?['\"]?https?://[^\s>]{1,300}[?&][\w-]{1,40}=(?:\{|%7b|\[|\$|%24"
            r"|[\w+/%=-]{48})",
            r"\b(?:send|post|upload|forward|transmit|exfiltrate"
            r"|append)\s+(?:[\w'\u2019,]+\s+){0,8}?(?:conversation|chat\s+history"
            r"|passwords?|credentials|api\s+keys?|secrets?|tokens?|system\s+prompt|environment\s+variables"
            r"|private\s+keys?"
            r"|(?:user|personal)(?:['\u2019]s)?\s+data)\s+(?:[\w'\u2019,]+\s+){0,6}?(?:to|at|into)\s+(?:\w+\s+){0,3}?"
            r"(?:https?://|[\w.+-]+@[\w-]+\.)",
            r"\b(?:sende|schicke?|übermittle)\s+(?:[\w'\u2019,]+\s+){0,8}?(?:gespräch(?:sverlauf)?|passw(?:o"
            r"|ö)rt(?:er)?"
            r"|zugangsdaten|schlüssel|geheimnisse)\s+(?:[\w'\u2019,]+\s+){0,6}?(?:an|nach)\s+(?:https?://|[\w.+-]+@)",
            r"\b(?:envoie[zr]?|envoyez|transmets)\s+(?:[\w'\u2019,]+\s+){0,8}?(?:conversation"
            r"|mots?\s+de\s+passe|identifiants"
            r"|clés?|secrets?)\s+(?:[\w'\u2019,]+\s+){0,6}?(?:à|vers)\s+(?:https?://|[\w.+-]+@)",
            r"\b(?:envía|envia|manda|sube)\s+(?:[\w'\u2019,]+\s+){0,8}?(?:conversación|contraseñas?"
            r"|credenciales|claves?"
            r"|secretos?)\s+(?:[\w'\u2019,]+\s+){0,6}?a\s+(?:https?://|[\w.+-]+@)",
            r"\b(?:curl|wget)\b[^\n]{0,200}(?:--data[\w-]*|--post-\w+|-d|-F|-T)[\s=]?['\"]?@?(?:\$\(|~/|/etc/|\$[a-z_]*"
            r"(?:key|token|secret|password)|\.env)",
            r"\b(?:fetch|src|href|location)\b[^\n]{0,80}https?://[^\n]{0,200}document\.cookie",
        ),
    ),
    # What only the chat template writes: in a text it forges a turn.
    "forged-turn": (
        ("<|", "[inst]", "<<sys>>", "<start_of_turn>", "<turn|"),
        _any(
            r"<\|(?:im_start|im_end|system|user|assistant|start_header_id|end_header_id|eot_id|endoftext|channel)\|>",
            r"\[/?inst\]",
            r"<</?sys>>",
            r"<(?:start|end)_of_turn>",
        ),
    ),
}
"""Longest first words are cheap to look for; patterns repeat within bounds, so that no text makes them run on."""

_FLAG: Final = re.compile("\U0001f3f4[\U000e0020-\U000e007f]{2,8}")
_HIDDEN: Final = re.compile(
    # Tag characters and variation selectors spell ASCII that nobody sees; so do runs of zero-width marks. Overrides of
    # direction show a text in another order than it is read in.
    "[\U000e0020-\U000e007f]{4,}|[\U000e0100-\U000e01ef]{4,}|[\u200b-\u200d\u2060-\u2064\ufeff]{8,}|[\u202d\u202e]"
)
_BASE64: Final = re.compile(r"(?<![\w+/])[A-Za-z0-9+/_-]{24,4096}={0,2}(?![\w+/=])")


def injections(written: str, clean: str) -> Counter[str]:
    """How often each kind stands in a text: `written` as it was, `clean` in NFKC without invisible characters."""
    found = Counter(dict(_phrases(clean.lower())))
    if not written.isascii() and (hidden := len(_HIDDEN.findall(_FLAG.sub("", written)))):
        found["hidden-text"] = hidden
    if encoded := sum(1 for text in _decoded(clean) if any(_phrases(text.lower()))):
        found["encoded"] = encoded
    return found


def _phrases(text: str) -> Iterator[tuple[str, int]]:
    for kind, (cues, pattern) in PHRASES.items():
        if any(cue in text for cue in cues) and (count := len(pattern.findall(text))):
            yield kind, count


def _decoded(text: str) -> Iterator[str]:
    for match in _BASE64.finditer(text):
        token = match[0].rstrip("=")
        try:
            plain = base64.b64decode(
                token + "=" * (-len(token) % 4), altchars=b"-_" if set(token) & set("-_") else None
            )
            decoded = plain.decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            continue
        if decoded.isprintable():
            yield decoded
