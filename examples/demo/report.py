"""The report: one JSON document, and the same as a page with plots."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from examples.demo.story import Story
from examples.demo.traffic import Seen

QUIET_SECONDS: Final = 20
"""Without a request for so long, another rollout begins in the timeline."""


@dataclass
class Report:
    """What the demonstration measured."""

    quotable: bool
    dataset: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    evaluation: dict[str, Any] = field(default_factory=dict)
    promotion: dict[str, Any] = field(default_factory=dict)
    bad_adapter: dict[str, Any] = field(default_factory=dict)
    rollback: dict[str, Any] = field(default_factory=dict)
    verify: list[dict[str, Any]] = field(default_factory=list)
    erasure: dict[str, Any] = field(default_factory=dict)
    endpoints: dict[str, Any] = field(default_factory=dict)
    workflow_ids: list[str] = field(default_factory=list)
    machine: dict[str, Any] = field(default_factory=dict)
    loss: list[dict[str, Any]] = field(default_factory=list)

    def document(self, story: Story) -> dict[str, Any]:
        """The whole as plain data, steps first."""
        note = "" if self.quotable else "made with --quick: these figures are not to be quoted"
        return {"note": note, "steps": [asdict(step) for step in story.steps], **asdict(self)}


def write(report: Report, story: Story, seen: list[Seen], folder: Path) -> Path:
    """Write `report.json` and `report.html`; returns the page's path."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder.mkdir(parents=True, exist_ok=True)
    document = report.document(story)
    (folder / "report.json").write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    loader = FileSystemLoader(Path(__file__).parent)
    pages = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    pages.filters["clock"] = lambda at: datetime.fromtimestamp(at, UTC).isoformat(" ", "milliseconds")
    page = pages.get_template("report.html.j2")
    plots = [_loss(report.loss), _bars(report.evaluation), _timeline(seen, report.rollback)]
    (folder / "report.html").write_text(page.render(report=document, plots=[p for p in plots if p]), "utf-8")
    return folder / "report.html"


def _picture(figure: Any) -> str:  # noqa: ANN401  # matplotlib is imported where it is used
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight")
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()


def _figure(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _loss(points: list[dict[str, Any]]) -> str | None:
    """One line an attempt: what the killed one did after its last checkpoint was done again."""
    known = [p for p in points if p.get("loss") is not None]
    if not known:
        return None
    figure, axes = _figure(8, 3)
    attempts: list[list[dict[str, Any]]] = [[]]
    for point in known:
        if attempts[-1] and point["step"] < attempts[-1][-1]["step"]:
            attempts.append([])
        attempts[-1].append(point)
    for number, attempt in enumerate(attempts):
        colour = "#31688e" if number == len(attempts) - 1 else "#8a8a8a"
        axes.plot([p["step"] for p in attempt], [p["loss"] for p in attempt], marker=".", color=colour)
    if resumed := known[-1].get("resumed_from_step"):
        label = f"worker killed at step {attempts[0][-1]['step']}; resumed from step {resumed}"
        axes.axvline(resumed, color="#c0392b", linestyle="--", label=label)
        axes.legend(frameon=False)
    axes.set(xlabel="step", ylabel="training loss", title="Training")
    return _picture(figure)


def _bars(evaluation: dict[str, Any]) -> str | None:
    """What is reported; the split on which the checkpoint was chosen stands in the table."""
    arms = {name: rates for name, rates in evaluation.items() if rates and not name.endswith("(selection)")}
    if not arms:
        return None
    names = sorted({rate for rates in arms.values() for rate in rates})
    figure, axes = _figure(10, 4)
    width = 0.8 / len(arms)
    for index, (arm, rates) in enumerate(arms.items()):
        at = [i + index * width for i, rate in enumerate(names) if rate in rates]
        shown = [rates[rate] for rate in names if rate in rates]
        values = [rate["value"] for rate in shown]
        below = [max(0.0, rate["value"] - rate["low"]) for rate in shown]
        above = [max(0.0, rate["high"] - rate["value"]) for rate in shown]
        axes.bar(at, values, width, yerr=[below, above], capsize=2, label=arm)
    axes.set_xticks([i + 0.4 - width / 2 for i in range(len(names))], [n.replace("_", "\n") for n in names])
    axes.set(
        ylim=(0, 1.05), ylabel="rate, 95 % Wilson interval", title="Evaluation on functions never seen in training"
    )
    axes.legend(frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.24))
    return _picture(figure)


def _timeline(seen: list[Seen], rollback: dict[str, Any]) -> str | None:
    """Requests of the two rollouts, which are minutes apart, side by side; the switch back is marked."""
    routed = sorted((one for one in seen if one.revision >= 0), key=lambda one: one.started)
    if not routed:
        return None
    gap, at = max(((b.started - a.started, i) for i, (a, b) in enumerate(pairwise(routed), start=1)), default=(0.0, 0))
    parts = [routed[:at], routed[at:]] if gap > QUIET_SECONDS else [routed]
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3))
    for axes, part, title in zip(
        figure.subplots(1, len(parts), sharey=True, squeeze=False)[0],
        parts,
        ("Live traffic: the good adapter", "Live traffic: the bad adapter"),
        strict=False,
    ):
        axes.spines[["top", "right"]].set_visible(False)
        begun = part[0].started
        for arm, colour in (("stable", "#31688e"), ("canary", "#e67e22")):
            mine = [one for one in part if one.arm == arm]
            waits = [(one.first_token or one.ended) - one.started for one in mine]
            axes.scatter([one.started - begun for one in mine], waits, s=9, color=colour, label=arm)
        if begun < rollback.get("flipped_at", 0) < part[-1].ended + QUIET_SECONDS:
            axes.axvline(rollback["flipped_at"] - begun, color="#c0392b", linestyle="--", label="switched back")
        axes.set(xlabel="seconds since its first request", title=title)
        axes.legend(frameon=False)
    figure.axes[0].set_ylabel("seconds to first token")
    return _picture(figure)
