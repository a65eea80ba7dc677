"""Mail addresses, telephones, user names, and addresses of machines."""

from __future__ import annotations

import re
from typing import Final

from activities.data import numbers
from activities.data.kinds import spoken
from activities.data.kinds.name_words import listed
from activities.data.personal import Rule

_AT: Final = rf"\s?[(\[{{]\s?(?:{spoken.BRACKETED_AT})\s?[)\]}}]\s?"
_DOTS: Final = rf"\s?[(\[{{]\s?(?:{spoken.DOT})\s?[)\]}}]\s?"
_SPOKEN: Final = (
    *((rf" (?:{at}) ", rf"(?: (?:{dot}) |{_DOTS})") for at, dot in spoken.SAID),
    (_AT, rf"(?: (?:{spoken.DOT}) |{_DOTS})"),
)
"""What stands for `@`, and for a dot beside it."""
_HOST: Final = r"[\w-]{1,63}"
_BREAK: Final = r"(?:[ ().\-/]{0,3}(?:\r?\n[ ().\-/]{0,2})?)"


def digits(least: int, most: int) -> str:
    """Digits with a few separators, or the end of a line, between each two."""
    return rf"\d(?:{_BREAK}\d){{{least - 1},{most - 1}}}"


_VERSION: Final = re.compile(
    r"[<>=]=? ?$|\bapp:$|[a-z]:$|\d, $|(?:worked|broke|breaks|fixed|upgrade|update|actualic\w+|passez"
    r"|aktualisier\w*|downgrade) (?:\w+ )?(?:in|to|with|a|à|auf|en|from) $|\b(?:v|ver|vers|version\w*"
    r"|versi[oó]n|release|build|update|upgrade\w*|firmware|driver|treiber|kernel|chrome|section|clause|chapter"
    r"|kapitel|abschnitt|oid|rev\w*|patch\w*|paquete|paket|pilote)\b",
    re.I,
)
_COMMON: Final = listed("mentions")
_NO_USER: Final = re.compile(r"api|key|token|secret|url|_id$|_name$|\.(?:com|org|net|py|js|json|html?|md|txt)$")
_PROSE: Final = listed("prose")


def username(text: str) -> int:
    """A name that a cue announces, unless it is a word of the sentence."""
    name = text.rstrip(".-_")
    word = name.lstrip("@").casefold()
    return (
        0 if word in _PROSE or _NO_USER.search(word) or not any(map(str.isalpha, word)) or len(word) < 3 else len(name)
    )


def mention(text: str) -> int:
    """What follows an `@`, unless software writes that itself."""
    return 0 if text[1:].casefold() in _COMMON else len(text)


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "EMAIL_ADDRESS",
        re.compile(rf"[\w.%+'-]{{0,63}}[\w%+-](?:\r?\n)?@(?:\r?\n)?(?:{_HOST}\.(?:\r?\n)?){{1,8}}[^\W\d_]{{2,24}}"),
        form="at",
        weight=3,
    ),
    # "erika [at] example.org"; a plain "at" needs a spelt dot, or prose would match.
    Rule(
        "EMAIL_ADDRESS",
        re.compile(rf"[\w.+-]{{1,64}}{_AT}(?:{_HOST}\.){{1,8}}[a-z]{{2,24}}", re.I),
        form="spelt",
        weight=3,
    ),
    *(
        Rule(
            "EMAIL_ADDRESS",
            re.compile(
                rf"[\w.+-]{{1,64}}(?:{dot}[\w+-]{{1,63}}){{0,3}}{at}{_HOST}(?:{dot}{_HOST}){{0,3}}{dot}[a-z]{{2,6}}(?!\w)",
                re.I,
            ),
            form="spelt",
            weight=3,
        )
        for at, dot in _SPOKEN
    ),
    Rule(
        "PHONE_NUMBER",
        re.compile(rf"(?<![\w.])(?:\+|00)[( ]?{digits(7, 16)}(?!\d)"),
        numbers.phone,
        form="plus",
        weight=2,
    ),
    Rule(
        "PHONE_NUMBER",
        re.compile(r"(?<![\w.+-])(?:\+?1[ .-])?\(?\d{3}\)?[ .-]\d{3}[.-]\d{4}(?![\w-])"),
        numbers.phone,
        form="digits",
    ),
    Rule(
        "PHONE_NUMBER",
        re.compile(rf"(?<![\w.+])\(?{digits(6, 15)}(?!\w)"),
        numbers.phone_after_cue,
        cue="phone",
        form="digits",
        behind=True,
    ),
    Rule(
        "USERNAME",
        re.compile(
            r"(?:\s{0,2}[:=]\s{0,2}|['\"]{1,2}\s?[:=]\s?|\s{1,2})(?:(?:is|was|ist|lautet|est|es|als|as|named"
            r"|called|name|on|auf|sur|en|at"
            r"|unter|under|bajo|sous|:)\s{1,2}){0,2}['\"«„“`]?(?P<value>@?[A-Za-z0-9](?=[\w.-]*[\d_.]\w"
            r"|[a-z-]*\d)[\w.-]{2,31}|@[A-Za-z][\w.]{2,31})"
        ),
        username,
        cue="user",
        anchored=True,
    ),
    Rule(
        "USERNAME",
        re.compile(
            r"(?:\s?[:=]\s?|['\"]{1,2}\s?[:=]\s?|\s)['\"«„“`]?(?P<value>@?[A-Za-z0-9](?=[\w.-]*[\d_]"
            r"|[a-z]+\.[a-z])[\w.-]{2,31}|@[A-Za-z][\w.]{2,31})"
        ),
        username,
        cue="userword",
        anchored=True,
    ),
    Rule(
        "USERNAME",
        re.compile(
            r"(?:\s{0,2}[:=]\s{0,2}|['\"]{1,2}\s?[:=]\s?|\s{1,2}(?:is|ist|lautet|est|es|als"
            r"|as)\s{1,2})['\"«„“`]?(?P<value>[a-z][\w.-]{3,31})"
            r"(?=['\"»“”`,;.!)]|\s|$)"
        ),
        username,
        cue="user",
        anchored=True,
        weight=0,
    ),
    Rule(
        "USERNAME",
        re.compile(r"(?:(?<=[\s(\"'«„“:,])|^(?=\S{3,30} [a-z]))@[A-Za-z](?:\w|\.(?=\w)){2,30}(?![\w(/@:-])"),
        mention,
        form="at",
    ),
    Rule(
        "USERNAME",
        re.compile(
            r"(?<![\w.@/-])(?=[\w.-]*[a-z])(?=[\w.-]*(?:[_\d]|\.\w))[A-Za-z_][\w.-]{3,31}(?![\w@(/]|\.\w)"
            r"|(?<!\w)@[A-Za-z][\w.]{2,31}"
        ),
        username,
        cue="platform",
        reach=32,
        weight=0,
    ),
    Rule(
        "IP_ADDRESS",
        re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)"),
        numbers.public_ip,
        form="dotted",
        unless=_VERSION,
    ),
    Rule(
        "IP_ADDRESS",
        re.compile(r"(?<![\w:.])[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])", re.I),
        numbers.public_ip,
        form="colons",
        weight=2,
    ),
    Rule(
        "MAC_ADDRESS",
        re.compile(r"(?<![\w:.-])[0-9a-f]{2}(?P<by>[:-])(?:[0-9a-f]{2}(?P=by)){4}[0-9a-f]{2}(?![\w:-])", re.I),
        form="colons",
        weight=2,
    ),
)
