"""`assay data review`: what is shown is what can be decided about."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

import pytest
from temporalio.testing import WorkflowEnvironment

from assay.cli import main
from assay.client import AssayClient
from assay.settings import Settings
from registry import QuarantinedRow, Registry

from .conftest import Quarantine

Assay = Callable[..., tuple[int, str, str]]


@pytest.fixture
def assay(
    settings: Settings,
    server: WorkflowEnvironment,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Assay:
    """Run `assay data review ARGUMENTS`; what it says and how it ends."""
    monkeypatch.setenv("ASSAY_HOME", str(settings.home))
    monkeypatch.setenv("ASSAY_TEMPORAL_ADDRESS", server.client.service_client.config.target_host)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["assay", "data", "review", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def named(shown: str, code: str) -> str:
    """The name that a row was shown under."""
    return next(line.split()[0] for line in shown.splitlines() if code in line)


WHO = ("--reviewer", "bea", "--role", "safety", "--reason", "a quotation")


def test_rows_are_shown_with_their_text_codes_and_findings(assay: Assay, quarantine: Quarantine) -> None:
    queue, _ = quarantine("toxicity", "language")
    code, out, _ = assay(f"acme/{queue.dataset}")
    assert code == 0
    assert f"user: {queue.dataset} says something: 0 toxicity" in out
    assert "tickets  ROW_TOXICITY_QUARANTINED  toxicity:KIND:1" in out
    assert "2 rows wait, read sha256:" in out
    assert f"acme/{queue.dataset} for train-tenant-model: 2 rows wait" in assay()[1]


async def test_a_row_is_released_by_the_name_it_was_shown_under(
    assay: Assay, client: AssayClient, registry: Registry, quarantine: Quarantine
) -> None:
    queue, rows = quarantine("toxicity", "language")
    _, out, _ = await asyncio.to_thread(assay, f"acme/{queue.dataset}")
    name = named(out, "ROW_TOXICITY")
    code, out, err = await asyncio.to_thread(assay, f"acme/{queue.dataset}", "--release", name, *WHO)
    assert (code, out) == (0, "1 released, 0 refused, 1 rows wait\n"), err
    assert set(registry.quarantine.released(queue)) == {rows[0]}


async def test_all_rows_of_a_code_are_refused_by_what_was_read(
    assay: Assay, client: AssayClient, registry: Registry, quarantine: Quarantine
) -> None:
    queue, _ = quarantine("secret", "secret", "language")
    only = (f"acme/{queue.dataset}", "--code", "ROW_SECRET_QUARANTINED")
    _, out, _ = await asyncio.to_thread(assay, *only)
    read = out.split("read ")[1].strip()
    code, out, err = await asyncio.to_thread(assay, *only, "--refuse-all", read, *WHO)
    assert (code, out) == (0, "0 released, 2 refused, 1 rows wait\n"), err
    code, _, err = await asyncio.to_thread(assay, *only, "--refuse-all", read, *WHO, "--reason", "another")
    assert (code, "ROWS_READ_CHANGED" in err) == (1, True)


async def test_a_refusal_of_the_gate_is_a_sentence(assay: Assay, client: AssayClient, quarantine: Quarantine) -> None:
    queue, _ = quarantine("secret")
    _, out, _ = await asyncio.to_thread(assay, f"acme/{queue.dataset}")
    answer = await asyncio.to_thread(assay, f"acme/{queue.dataset}", "--release", named(out, "ROW_SECRET"), *WHO)
    assert (answer[0], "ROWS_NEVER_RELEASED" in answer[2]) == (1, True)


def test_a_row_that_has_changed_since_is_not_found_by_its_old_name(
    assay: Assay, registry: Registry, quarantine: Quarantine
) -> None:
    queue, _ = quarantine("toxicity")
    name = named(assay(f"acme/{queue.dataset}")[1], "ROW_TOXICITY")
    [row] = registry.quarantine.waiting(queue)
    fields = row.model_dump(include=set(QuarantinedRow.model_fields))
    worse = QuarantinedRow.model_validate({**fields, "codes": (*row.codes, "ROW_INJECTION_QUARANTINED")})
    registry.quarantine.add(queue, [worse], requested_by="ann")
    code, _, err = assay(f"acme/{queue.dataset}", "--release", name, *WHO)
    assert (code, "ROW_NOT_WAITING" in err) == (1, True)


def test_what_was_not_shown_was_not_read(assay: Assay, quarantine: Quarantine) -> None:
    queue, _ = quarantine("toxicity", "language", "licence")
    _, out, _ = assay(f"acme/{queue.dataset}", "--limit", "2")
    assert out.endswith("3 rows wait, 2 are shown (--limit)\n")
    assert "sha256:" not in out


@pytest.mark.parametrize("arguments", [("--release", "0123456789ab"), ("--refuse-all", "sha256:" + "0" * 64, *WHO)])
def test_a_decision_needs_its_reviewer_role_and_reason_and_all_needs_a_code(
    assay: Assay, quarantine: Quarantine, arguments: tuple[str, ...]
) -> None:
    queue, _ = quarantine("toxicity")
    code, _, _ = assay(f"acme/{queue.dataset}", *arguments)
    assert code in (1, 2)


def test_a_terminal_takes_no_orders_from_a_row(assay: Assay) -> None:
    from assay.cli.review import _printable

    assert _printable("red \x1b[31m\u202e\nend") == "red \\u001b[31m\\u202e\\nend"
    assert assay("acme")[0] == 2
