"""Streets with their numbers, towns that somebody lives in, and coordinates."""

from __future__ import annotations

import re
from typing import Final

from activities.data.personal import Rule

_CAP: Final = r"[A-ZÀ-ÖØ-Þ][\w'\u2019.-]{0,30}"
_TOWN: Final = (
    rf"{_CAP}(?:[ -](?:{_CAP}|de|del|la|las|los|le|les|sur|sous|am|an|der|upon|on|in|im|bei|y|l['\u2019]\w+)){{0,4}}"
)
_ROAD_EN: Final = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Terrace|Court|Ct|Close|Way|Place|Pl"
    r"|Square|Sq|Crescent"
    r"|Gardens|Grove|Hill|Park|Row|Mews|Parade|Walk|View|Highway|Hwy|Circle)\b\.?"
)
_ROAD_DE: Final = (
    r"(?:straße|strasse|str\.|gasse|allee|platz|weg|(?<!St)(?<!Sp)(?<!to)(?<!ee)(?<!ai)ring|damm|ufer|steig"
    r"|stieg|chaussee|markt|pfad|winkel|graben|hof|berg"
    r"|brücke|kamp|garten|park|anger|zeile|wall|feld)"
)
_ROAD_FR: Final = (
    r"(?:[Rr]ue|[Aa]venue|[Aa]v\.|[Bb]d|[Bb]oulevard|[Pp]lace|[Ii]mpasse|[Aa]llées?|[Cc]hemin|[Qq]uai|[Cc]ours"
    r"|[Rr]oute|[Ss]quare"
    r"|[Pp]assage|[Rr]uelle|[Ss]entier|[Mm]ontée|[Ee]splanade|[Ff]aubourg|[Vv]illa|[Cc]ité|[Rr]ond-point)"
)
_ROAD_ES: Final = (
    r"(?:[Cc]alle|C/|[Aa]v\.|[Aa]vda\.?|[Aa]venida|[Pp]aseo|[Pp]laza|[Pp]za\.?|[Rr]onda|[Cc]amino|[Cc]arretera"
    r"|[Tt]ravesía|[Gg]lorieta"
    r"|[Cc]allejón|[Cc]uesta|[Rr]ambla|[Cc]arrer|[Aa]lameda|[Pp]asaje|[Vv]ía|[Cc]ostanilla|[Bb]ulevar)"
)
_NUMBER: Final = r"\d{1,4} ?(?:-\d{1,4})?[a-zA-Z]?"
_CODE: Final = r"(?:[A-Z]{1,2}-)?\d{4,5} "
_THEN: Final = rf"(?:,? (?:{_CODE})?(?!(?:and|or|is|at|on|und|et|y|The|It|We|I|Please|Bitte|My|Mein)\b){_TOWN})?"
"""A town behind a comma, or with its postal code."""
_THEN_COMMA: Final = rf"(?:, (?:{_CODE})?{_TOWN}|,? {_CODE}{_TOWN})?"
_OF: Final = r"(?:(?:de|du|des|d['\u2019]|la|le|les|l['\u2019]|del|los|las|el|y|et|en|à|aux|au|sur|sous) ?)"
_NAMED: Final = rf"(?:{_OF}){{0,3}}{_CAP}(?:[ -](?:{_OF}){{0,3}}{_CAP}){{0,4}}"
_FLOOR: Final = r"(?:, ?\d{1,2}\.?[º°ªo]? ?(?:[A-Z]\b|izq\.?|izquierda|dcha\.?|derecha|piso)?)?"
_DEGREES: Final = (
    r"\d{1,3}(?:\.\d+)?\s?°\s?(?:\d{1,2}(?:\.\d+)?\s?['\u2032\u2019]\s?(?:\d{1,2}(?:\.\d+)?\s?(?:\"|″|''|”)\s?)?)?"
)


def coordinates(text: str) -> int:
    """A pair of degrees that lie on the Earth."""
    pair = [float(part) for part in re.findall(r"-?\d{1,3}\.\d+", text)][:2]
    return len(text) if len(pair) == 2 and abs(pair[0]) <= 90 and abs(pair[1]) <= 180 else 0


_NO_TOWN: Final = frozenset(
    [
        "state",
        "country",
        "location",
        "name",
        "city",
        "region",
        "province",
        "code",
        "zip",
        "county",
        "area",
        "the",
        "a",
        "an",
        "my",
        "our",
        "your",
        "this",
        "that",
        "where",
        "which",
        "true",
        "false",
        "none",
        "null",
        "string",
        "object",
        "type",
        "value",
        "population",
        "if",
        "return",
        "returns",
        "raise",
        "raised",
        "raises",
        "i",
        "we",
        "you",
        "it",
        "land",
        "hause",
        "miete",
        "plz",
        "staat",
    ]
)


def town(text: str) -> int:
    """The name of a town, without what ends a sentence."""
    name = text.rstrip(".'\u2019-")
    return 0 if name.split(" ")[0].split(",")[0].casefold() in _NO_TOWN or len(name) < 3 else len(name)


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "STREET_ADDRESS",
        re.compile(
            rf"(?<![\w.])(?:(?:Flat|Unit|Apt\.?|Apartment|Suite"
            rf"|Floor) \w{{1,5}},? )?\d{{1,5}}[a-zA-Z]?,? (?:{_CAP} ){{1,4}}{_ROAD_EN}"
            rf"(?: [NSEW]{{1,2}}\b)?{_THEN_COMMA}"
        ),
        form="street",
        weight=2,
    ),
    Rule(
        "STREET_ADDRESS",
        re.compile(
            rf"(?<!\w)(?:(?:{_CAP} ){{0,2}}[A-ZÄÖÜ][\w-]{{0,30}}{_ROAD_DE}|(?:{_CAP}[ -]){{1,3}}(?i:{_ROAD_DE})"
            rf"|[A-ZÄÖÜ]\w+{_ROAD_DE})"
            rf" {_NUMBER}(?!\w){_THEN_COMMA}"
        ),
        form="street",
        weight=2,
    ),
    Rule(
        "STREET_ADDRESS",
        re.compile(
            r"(?<!\w)(?:Hinterm|Vorm|Unterm|Am|An der|An den|Auf der|Auf dem|In der|In den|Im|Zum|Zur|Unter den"
            r"|Hinter der|Hinter dem|Vor dem|Bei der|Beim"
            rf"|Alte[rs]?|Neue[rs]?|Große[rs]?|Kleine[rs]?|Obere[rs]?"
            rf"|Untere[rs]?) (?:{_CAP} )?{_CAP} \d{{1,3}} ?[a-z]?(?!\w|[.:,]\d| ?[%€])"
            rf"(?! (?:Uhr|Prozent|Tage|Euro|Grad|Stunden|Minuten|Jahre)){_THEN_COMMA}"
        ),
        form="many",
        weight=2,
    ),
    Rule(
        "STREET_ADDRESS",
        re.compile(rf"(?<![\w.])(?:\d{{1,4}}(?: ?(?:bis|ter|quater|[a-zA-Z]))?,? )?{_ROAD_FR} {_NAMED}{_THEN_COMMA}"),
        lambda text: len(text) if text[0].isdigit() else 0,
        form="street",
        weight=2,
    ),
    Rule(
        "STREET_ADDRESS",
        re.compile(rf"(?<!\w){_ROAD_ES} ?{_NAMED}(?:,| n\.?[º°]|,? núm\.?)? ?{_NUMBER}(?!\w){_FLOOR}{_THEN_COMMA}"),
        form="street",
        weight=2,
    ),
    # After a word such as "address": a number and capitalised words, without a word for a road.
    Rule(
        "STREET_ADDRESS",
        re.compile(
            rf"(?<![\w.])(?:\d{{1,5}}[a-zA-Z]?,? (?:{_CAP}[ -]){{0,3}}{_CAP}{_THEN_COMMA}"
            rf"|{_CAP}(?: {_CAP}){{1,3}},? \d{{1,4}} ?[a-z]?(?!\w|[.:]\d){_THEN_COMMA})"
        ),
        cue="address",
        strict=False,
        reach=24,
    ),
    Rule(
        "LOCATION",
        re.compile(
            rf"(?: {{0,2}}[:=] {{0,2}}|['\"]{{1,2}} ?[:=] ?| {{1,2}})(?:(?:is|ist|est|es|now|jetzt|in|en|à"
            rf"|nach) ){{0,2}}['\"«„“]?(?P<value>{_TOWN})"
        ),
        town,
        cue="live",
        anchored=True,
        weight=0,
    ),
    # German puts the verb last: "nach Ulm gezogen", "in Ulm aufgewachsen".
    Rule(
        "LOCATION",
        re.compile(
            rf"\b(?:nach(?= \S+(?: \S+){{0,2}} (?:um)?gezoge)|in(?! .{{0,40}}gezoge)) (?P<value>{_TOWN})"
            r" (?:(?:um)?gezoge|gebore|aufgewachse|wohnhaf|wohn)"
        ),
        town,
        cue="moved",
        behind=True,
        weight=0,
    ),
    Rule(
        "COORDINATES",
        re.compile(rf"(?<![\w.]){_DEGREES}[NSns],?;?\s{{0,2}}(?:and |und |et |y )?{_DEGREES}[EWOewo]\b"),
        form="degree",
        weight=2,
    ),
    Rule(
        "COORDINATES",
        re.compile(
            r"(?<![\w.,\[-])(?<!, )-?\d{1,2}\.\d{3,8}°?\s?[NS]?\s?[,;/ ]\s?"
            r"(?:[a-z]{2,9}[:= ]{1,2})?-?\d{1,3}\.\d{3,8}(?!\w|\.\d|,\s?-?\d)"
        ),
        coordinates,
        cue="coords",
        behind=True,
        weight=2,
    ),
)
