"""`assay data plan`: what a request would draw, and what the training gate would say, before anything is built."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assay.cli.main import as_json, json_option, settings_in_force
from assay.contracts.errors import InputRefused

if TYPE_CHECKING:
    from activities.data.expected import Expected
    from activities.policy.planning import Planned
    from assay.contracts.lifecycle import LifecycleRequest
    from assay.contracts.policy import Decision
    from assay.contracts.training import MixPlan, MixTotal, TrainingRequest


@click.command()
@click.argument("request", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
@click.pass_context
def plan(context: click.Context, request: Path, *, as_json_: bool) -> None:
    """What the training or lifecycle REQUEST (a JSON file) would draw, by tier and depth, and whether it may."""
    from activities.policy.client import NotKept, PolicyClient
    from activities.policy.planning import planned
    from registry import Registry

    settings = settings_in_force()
    registry = Registry.open(settings)
    # Nothing is decided by a plan: of what it asks nothing may be left behind, where nobody would look for it.
    gate, public_key = PolicyClient(settings.opa, NotKept()), settings.home / "keys" / "signing.pub.pem"
    found = planned(registry, read_request(request), gate, public_key)
    if not as_json_:
        _tell(found)
    # Asked last: where no gate answers a plan of sealed datasets is printed all the same, and the command fails.
    decision = gate.decide("training", found.facts).decision
    if as_json_:
        shown = found.plan and found.plan.model_dump(mode="json")
        said = {"plan": shown, "estimated": found.estimated, "left_out": _left_out(found.expected)}
        as_json({**said, "decision": decision.model_dump(mode="json", exclude={"input"})})
    else:
        _verdict(decision, estimated=found.estimated)
    context.exit(0 if decision.allow else 1)


def read_request(path: Path) -> TrainingRequest | LifecycleRequest:
    """A request of either form. Raises InputRefused (`REQUEST_MALFORMED`), which names fields and repeats no value."""
    from pydantic import ValidationError

    from assay.contracts.lifecycle import LifecycleRequest
    from assay.contracts.training import TrainingRequest

    try:
        document = json.loads(path.read_bytes())
        form = LifecycleRequest if isinstance(document, dict) and "sources" in document else TrainingRequest
        return form.model_validate_json(path.read_bytes())
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['type']}" for one in error.errors()[:5])
    except ValueError:
        wrong = "it is no JSON"
    raise InputRefused(
        "REQUEST_MALFORMED",
        f"{path.name} is no training or lifecycle request: {wrong}",
        "see examples/training.json and examples/lifecycle.json",
    )


def _tell(found: Planned) -> None:
    if found.plan is None:
        click.echo("there is no plan: a dataset does not say what it is made of")
        return
    if found.expected is not None:
        _tell_expected(found.expected)
    _parts(found.plan)
    for name, total in (
        ("by people", found.plan.human),
        ("human gold", found.plan.gold),
        ("by models", found.plan.synthetic),
    ):
        click.echo(f"{name:<11} {_total(total)}")
    if found.plan.missing_kinds:
        click.echo(f"no rows of  {', '.join(found.plan.missing_kinds)}")


def _tell_expected(expected: Expected) -> None:
    click.echo(
        "an estimate: the dataset is not sealed yet.\n"
        "Rows are counted as the intake gate takes them by their terms and language.\n"
        "What scanners find in the texts, near repetitions and opt-outs are known once the intake has run;\n"
        "they can only leave more rows out."
    )
    if expected.left_out:
        codes = ", ".join(f"{one.code} {one.count}" for one in expected.left_out_by_code)
        click.echo(f"{expected.left_out} rows would be left out: {codes}")
    click.echo()


def _left_out(expected: Expected | None) -> dict[str, Any] | None:
    if expected is None:
        return None
    return {"rows": expected.left_out, "by_code": [one.model_dump() for one in expected.left_out_by_code]}


def _parts(plan: MixPlan) -> None:
    from assay.cli import tables

    table = tables.table("kind", "source", "tier", "depth", "rows", "drawn", "share", "passes")
    for part in plan.parts:
        share = f"{100 * part.drawn / plan.drawn:.1f} %"
        numbers = (str(part.synthetic_depth), str(part.rows), f"{part.drawn:g}", share, f"{part.passes:.2f}")
        table.add_row(part.kind, part.source, part.tier, *numbers)
    tables.show(table)
    click.echo(f"{plan.steps} steps draw {plan.drawn} rows, of synthetic depth {plan.deepest} at most")


def _total(total: MixTotal) -> str:
    return f"{100 * total.share:5.1f} %  {total.drawn:g} drawn from {total.rows} rows"


def _verdict(decision: Decision, *, estimated: bool) -> None:
    says = ("would allow", "would refuse") if estimated else ("allows", "refuses")
    so_far = ", as far as is known before the intake" if estimated else ""
    click.echo(f"\nthe training gate {says[0 if decision.allow else 1]} it{so_far} (policy {decision.policy_revision})")
    for violation in (*decision.violations, *decision.warnings):
        click.echo(f"  {violation.code}: {violation.msg}")
        click.echo(f"    remedy: {violation.remedy}")
