"""The tables of the benchmark: by kind, name, language, disguise and kind of hard negative."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from benchmarks.pii.measure import Measured
from benchmarks.pii.sample import FAMILIES, Half, Label, Sample
from benchmarks.pii.score import Scores, Share
from benchmarks.pii.systems import OTHER
from benchmarks.pii.values import LANGUAGES
from benchmarks.report import Report, Table, shown

Which = Callable[[Sample, Label], bool]
TOLD: Final = tuple(family for family in FAMILIES if family not in ("name", "address"))
"""Families with a check digit, a form or a cue."""
_AIMS: Final[Mapping[str, Mapping[str, float]]] = {
    "Assay": {
        "recall": 0.97,
        "precision": 0.97,
        "addresses": 0.95,
        "full": 0.95,
        "names": 0.90,
        "exact": 0.85,
        "evasions": 0.95,
    },
    "Assay thorough": {"names": 0.94},
}


def _told(_: Sample, label: Label) -> bool:
    return label.family in TOLD and label.evidence != "none"


def _kind(*kinds: str) -> Which:
    return lambda _, label: label.kind in kinds


def _family(family: str, *evidence: str) -> Which:
    return lambda _, label: label.family == family and (not evidence or label.evidence in evidence)


def aims(report: Report, systems: Mapping[str, Measured], half: Half, *, without: bool = False) -> None:
    """Totals of one half, with the aims that Assay has for them or `without`."""
    for name, of in systems.items():
        wanted = {} if without else _AIMS.get(name, {})
        plain, everything = of.plain, (*FAMILIES, OTHER)
        figures: dict[str, tuple[str, Share]] = {
            "recall": ("check digit, form or cue: recall", plain.recall(_told)),
            "precision": ("check digit, form or cue: precision", plain.precision(TOLD)),
            "addresses": ("addresses: recall", plain.recall(_family("address"))),
            "full": ("full names: recall", plain.recall(_kind("NAME_FULL"))),
            "names": ("all names: recall", plain.recall(_family("name"))),
            "exact": ("names: precision", plain.precision(["name"])),
            "evasions": ("evasions: recall", of.evasive.recall(lambda *_: True)),
            "bare": ("neither cue nor form, no names: recall", plain.recall(_bare)),
            "any": ("everything: recall as any kind", plain.recall(lambda *_: True, any_kind=True)),
            "all": ("everything: precision", plain.precision(everything)),
            "alarms": ("hard negatives with a false alarm", plain.false_alarms()),
        }
        for key, (what, share) in figures.items():
            report.add(f"{half}, {name}: {what} ({share.of})", share.value, _interval(share), at_least=wanted.get(key))


def _bare(_: Sample, label: Label) -> bool:
    return label.family != "name" and label.evidence == "none"


def speeds(report: Report, systems: Mapping[str, Measured]) -> None:
    """Rows a second of a core on short and on long rows, and how many times Presidio's."""
    for name, of in systems.items():
        report.add(f"{name}: short rows", of.short.rate, "rows/s a core")
        report.add(f"{name}: long rows", of.long.rate, "rows/s a core")
    if "Presidio" not in systems:
        return
    base = systems["Presidio"]
    for name, (short, long) in {"Assay": (30, 15), "Assay thorough": (10, None)}.items():
        if name in systems:
            of = systems[name]
            report.add(f"{name} / Presidio, short rows", of.short.rate / base.short.rate, "ratio", at_least=short)
            report.add(f"{name} / Presidio, long rows", of.long.rate / base.long.rate, "ratio", at_least=long)


def tables(systems: Mapping[str, Measured], half: Half) -> Iterator[Table]:
    """By kind and so on, of one half."""
    plain = {name: of.plain for name, of in systems.items()}
    families = {family: (_family(family, "cue", "form"), _family(family, "none")) for family in FAMILIES}
    yield _recall(f"Recall by kind, with cue or form ({half})", plain, {f: told for f, (told, _) in families.items()})
    yield _recall(f"Recall by kind, no cue ({half})", plain, {f: bare for f, (_, bare) in families.items()})
    yield _shares(f"Precision by kind ({half})", "findings", {f: _precisions(plain, f) for f in (*FAMILIES, OTHER)})
    yield _recall(f"Names ({half})", plain, dict(_names()))
    yield _recall(f"By language ({half})", plain, {tongue: _in(tongue) for tongue in LANGUAGES})
    hidden = {name: of.evasive for name, of in systems.items()}
    origins = sorted({sample.origin for sample, *_ in next(iter(hidden.values())).labels})
    yield _recall(f"Evasions ({half})", hidden, {origin: _from(origin) for origin in origins})
    negatives = sorted({*next(iter(plain.values())).alarms, *next(iter(plain.values())).quiet})
    alarms = {origin: {name: scores.false_alarms(origin) for name, scores in plain.items()} for origin in negatives}
    yield _shares(f"Hard negatives: rows with a false alarm ({half})", "rows", alarms, ratio=False)
    yield _rates(f"Rows a second of a core ({half})", systems)


def _names() -> Iterator[tuple[str, Which]]:
    for word, kind in (("full", "NAME_FULL"), ("first only", "NAME_FIRST"), ("lower case", "NAME_LOWER")):
        yield f"{word}, with cue", _named(kind, "cue")
        yield f"{word}, no cue", _named(kind, "none")


def _named(kind: str, evidence: str) -> Which:
    return lambda _, label: label.kind == kind and label.evidence == evidence


def _in(language: str) -> Which:
    return lambda sample, _: sample.language == language


def _from(origin: str) -> Which:
    return lambda sample, _: sample.origin == origin


def _precisions(systems: Mapping[str, Scores], family: str) -> dict[str, Share]:
    return {name: scores.precision([family]) for name, scores in systems.items()}


def _recall(title: str, systems: Mapping[str, Scores], lines: Mapping[str, Which]) -> Table:
    shares = {line: {name: scores.recall(which) for name, scores in systems.items()} for line, which in lines.items()}
    return _shares(title, "labels", shares)


def _shares(title: str, of: str, lines: Mapping[str, Mapping[str, Share]], *, ratio: bool = True) -> Table:
    """Lines of shares with their intervals, Assay's over Presidio's last; lines of nothing are left out."""
    names = list(next(iter(lines.values())))
    ratio = ratio and {"Assay", "Presidio"} <= set(names)
    head = ["", *(part for name in names for part in (of, name)), *(["Assay / Presidio"] if ratio else [])]
    body = []
    for line, shares in lines.items():
        if any(share.of for share in shares.values()):
            cells = [cell for share in shares.values() for cell in (f"{share.of:,}", _share(share))]
            body.append([line, *cells, *([_ratio(shares)] if ratio else [])])
    return Table(title, *_narrow(head, body, of))


def _narrow(head: list[str], body: list[list[str]], of: str) -> tuple[list[str], list[list[str]]]:
    """One column of counts where all systems have the same."""
    columns = [at for at, name in enumerate(head) if name == of]
    if any(len({row[at] for at in columns}) > 1 for row in body):
        return head, body
    keep = [at for at in range(len(head)) if at not in columns[1:]]
    return [head[at] for at in keep], [[row[at] for at in keep] for row in body]


def _rates(title: str, systems: Mapping[str, Measured]) -> Table:
    ratio = {"Assay", "Presidio"} <= set(systems)
    body = []
    for group in ("all short rows", *next(iter(systems.values())).costs):
        costs = {name: of.costs.get(group, of.short) for name, of in systems.items()}
        rates = [shown(cost.rate) for cost in costs.values()]
        times = [shown(costs["Assay"].rate / costs["Presidio"].rate)] if ratio and costs["Presidio"].rate else []
        body.append([group, str(next(iter(costs.values())).rows), *rates, *times])
    return Table(title, ["", "rows", *systems, *(["Assay / Presidio"] if ratio else [])], body)


def _share(share: Share) -> str:
    return f"{share.value:.3f} {_interval(share)}" if share.of else "–"  # noqa: RUF001  # nothing to divide by


def _interval(share: Share) -> str:
    low, high = share.interval()
    return f"[{low:.2f}, {high:.2f}]"


def _ratio(shares: Mapping[str, Share]) -> str:
    ours, theirs = shares["Assay"], shares["Presidio"]
    return shown(ours.value / theirs.value) if theirs.value else "–"  # noqa: RUF001
