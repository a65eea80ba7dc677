"""Licences of other works inside rows: SPDX tags, headers of files, the licence texts themselves.

What is looked for are the few words that only stand where something is put under a licence. Talk about licences is not
flagged. Kinds are SPDX ids; `LicenseRef-unknown` is a tag that names none, `LicenseRef-proprietary` a text that permits
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from activities.data.licences import normalise
from assay.contracts.errors import InputRefused

UNKNOWN: Final = "LicenseRef-unknown"
PROPRIETARY: Final = "LicenseRef-proprietary"
_CUES: Final = (
    "licen",
    "copyright",
    "redistribut",
    "permission",
    "public domain",
    "proprietary",
    "spdx",
    "creative commons",
    "cc by",
    "cc-by",
)
_TAG: Final = re.compile(r"spdx-license-identifier:[ \t]*(.{1,200})", re.IGNORECASE)
_TAG_END: Final = re.compile(r"\*/|-->|\\n|[\"'`;#|<,]|\s{2,}|\.(?:\s|$)")
_MARGIN: Final = re.compile(r"[\s*#/;>|\"\u201c\u201d'\u2018\u2019-]+")
"""Between two words of a header there may be a line's end, comment signs and quotes."""

_GNU: Final = re.compile(
    r"gnu (?P<family>affero|lesser|library)? ?general public license\b.{0,160}?version (?P<version>\d(?:\.\d)?)"
    r"(?P<rest>.{0,120})"
)
_GNU_GRANT: Final = re.compile(
    r"as published by the free software foundation|(?:redistribute|copy|distribute) (?:it )?and or modify (?:it|this)"
    r"|copy and distribute verbatim copies"
)
_GNU_FAMILIES: Final = {"affero": "AGPL", "lesser": "LGPL", "library": "LGPL", None: "GPL"}
_CREATIVE_COMMONS: Final = re.compile(
    r"(?:licensed|released|available|distributed|published|shared) under (?:a |an |the )?(?:terms of )?(?:a |an |the )?"
    r"(?:creative commons|cc) ?"
    r"(?P<terms>(?:(?:attribution|by|non ?commercial|nc|share ?alike|sa|no ?deriv(?:ative|s)*s?|nd) ?)+)"
    r"(?:licen[sc]e ?)?(?P<version>[1-4]\.[05])?"
)
_CC_TERMS: Final = {"by": "attribution|by", "nc": "non ?commercial|nc", "nd": "no ?deriv|nd", "sa": "share ?alike|sa"}
_PHRASES: Final[tuple[tuple[str, str], ...]] = (
    ("MIT", "permission is hereby granted, free of charge, to any person obtaining a copy of this"),
    ("ISC", "permission to use, copy, modify, and or distribute this software for any purpose with or without fee"),
    ("Apache-2.0", "licensed under the apache license, version 2.0"),
    ("Apache-2.0", "apache license version 2.0, january 2004"),
    ("MPL-2.0", "subject to the terms of the mozilla public license, v. 2.0"),
    ("MPL-2.0", "mozilla public license version 2.0 1. definitions"),
    ("EPL-2.0", "under the terms of the eclipse public license 2.0"),
    ("EPL-2.0", "under the terms of the eclipse public license v. 2.0"),
    ("EPL-1.0", "under the terms of the eclipse public license v1.0"),
    ("BUSL-1.1", "use of this software is governed by the business source license"),
    ("BUSL-1.1", "business source license 1.1 parameters"),
    ("SSPL-1.0", "under the terms of the server side public license, version 1"),
    ("SSPL-1.0", "server side public license version 1, october 16, 2018"),
    ("Elastic-2.0", "you may not use this file except in compliance with the elastic license 2.0"),
    ("Elastic-2.0", "elastic license 2.0 acceptance"),
    ("Unlicense", "this is free and unencumbered software released into the public domain"),
    ("BSL-1.0", "boost software license version 1.0"),
    ("CC0-1.0", "waived all copyright and related or neighboring rights"),
    ("CDDL-1.0", "subject to the terms of the common development and distribution license"),
    ("WTFPL", "do what the fuck you want to public license version"),
    (PROPRIETARY, "unauthorized copying of this file"),
    (PROPRIETARY, "proprietary and confidential"),
    (PROPRIETARY, "no part of this publication may be reproduced"),
)
_BSD: Final = "redistribution and use in source and binary forms, with or without modification, are permitted"
_ZLIB: Final = "in no event will the authors be held liable for any damages arising from the use of this software"
_RESERVED: Final = re.compile(r"copyright (?:\(c\)|©|©? ?\d{4}).{0,80}?\ball rights reserved")


def licences_in(clean: str) -> set[str]:
    """The licences under which a text puts itself."""
    lower = clean.lower()
    if not any(cue in lower for cue in _CUES):
        return set()
    flat = _MARGIN.sub(" ", lower)
    found = {*_tagged(clean), *_gnu(flat), *_creative_commons(flat), *_quoted(flat)}
    if not found and _RESERVED.search(flat):
        found.add(PROPRIETARY)
    return found


def _tagged(text: str) -> Iterator[str]:
    for match in _TAG.finditer(text):
        try:
            tag = _TAG_END.split(match[1].strip())[0].strip()
            # An exception to a licence does not make it another one.
            for named in normalise(tag if tag.count("(") == tag.count(")") else tag.rstrip(")")).ids:
                yield named.partition(" WITH ")[0]
        except InputRefused:
            yield UNKNOWN


def _gnu(flat: str) -> Iterator[str]:
    if not _GNU_GRANT.search(flat):
        return
    for match in _GNU.finditer(flat):
        family = _GNU_FAMILIES[match["family"]]
        version = match["version"] if "." in match["version"] else f"{match['version']}.0"
        later = "or-later" if "any later version" in match["rest"] else "only"
        yield f"{family}-{version}-{later}"


def _creative_commons(flat: str) -> Iterator[str]:
    for match in _CREATIVE_COMMONS.finditer(flat):
        terms = [short for short, pattern in _CC_TERMS.items() if re.search(rf"\b(?:{pattern})", match["terms"])]
        yield "-".join(["CC", *(term.upper() for term in terms), match["version"] or "4.0"])


def _quoted(flat: str) -> Iterator[str]:
    for licence, phrase in _PHRASES:
        if phrase in flat:
            yield licence
    if _BSD in flat:
        yield "BSD-3-Clause" if "neither the name" in flat else "BSD-2-Clause"
    if _ZLIB in flat:
        yield "Zlib"
