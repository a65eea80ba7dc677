"""The evaluation report: one JSON document, readable as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from assay.contracts.evaluation import ArmScores, PairedTest, ReportJob
from evals.run import Sample
from evals.selection import BALANCED, score
from evals.statistics import mcnemar

PAIRED: Final = (
    ("call_valid", "adapter", "base"),
    ("call_full_match", "adapter", "base"),
    ("call_full_match", "adapter+schema", "base+schema"),
    ("chat_contains", "adapter", "base"),
    ("irrelevance_refused", "adapter", "base"),
)


def paired_tests(job: ReportJob, samples: Mapping[str, Sequence[Sample]]) -> tuple[PairedTest, ...]:
    """McNemar tests of the chosen adapter against the base, on the reported rows. `samples` by arm name."""
    chosen = f"step-{job.chosen.step}"
    found = []
    for name, arm, against in PAIRED:
        left, right = arm.replace("adapter", chosen), against
        if left in samples and right in samples:
            found.append(
                mcnemar(name, (left, _verdicts(samples[left], name)), (right, _verdicts(samples[right], name)))
            )
    return tuple(found)


def _verdicts(samples: Sequence[Sample], rate: str) -> list[bool]:
    """By row id, so that two arms are compared row by row whatever order they answered in."""
    return [one.scores[rate] for one in sorted(samples, key=lambda one: one.id) if rate in one.scores]


def document(job: ReportJob, paired: Sequence[PairedTest]) -> dict[str, Any]:
    """The report as plain data; the same job gives the same document."""
    request = job.request
    return {
        "schema": "assay/evaluation-report/v1",
        "tenant": request.tenant,
        "model": request.model,
        "base": request.base.model_dump(mode="json"),
        "template": request.template,
        "suite": request.suite.model_dump(mode="json"),
        "chosen": job.chosen.model_dump(mode="json"),
        "selection": {
            "score": f"geometric mean of Laplace estimates of {', '.join(BALANCED)} on the select split",
            "scores": {a.name: score(a) for a in job.arms if a.split == "select" and a.adapter},
        },
        "arms": [_arm(arm) for arm in job.arms],
        "paired": [test.model_dump(mode="json") for test in paired],
        "notes": [
            "Intervals are 95 % Wilson score intervals; paired tests are exact McNemar tests on the same rows.",
            "call_argument_hallucination looks for substrings: it is a lower bound.",
            "Arms with +schema answer call rows only: a schema forces a call.",
        ],
    }


def _arm(arm: ArmScores) -> dict[str, Any]:
    """Without how long it took, which differs from run to run."""
    plain = arm.model_dump(mode="json", exclude={"seconds"})
    for one, rate in zip(plain["rates"], arm.rates, strict=True):
        one["value"] = rate.value
    return plain


def markdown(report: Mapping[str, Any]) -> str:
    """The report for people."""
    lines = [
        f"# Evaluation of {report['tenant']}/{report['model']}",
        "",
        "| split | arm | rate | count | value | 95 % |",
    ]
    lines.append("|---|---|---|---|---|---|")
    for arm in report["arms"]:
        for rate in arm["rates"]:
            interval = f"{rate['low']:.2f}-{rate['high']:.2f}"
            counted = f"{rate['count']}/{rate['total']}"
            lines.append(
                f"| {arm['split']} | {arm['name']} | {rate['name']} | {counted} | {rate['value']:.2f} | {interval} |"
            )
    return "\n".join([*lines, "", *(f"* {note}" for note in report["notes"]), ""])
