"""`assay dpia`: an assessment is signed once, and says what it is and whether it holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from activities.data.dpia import Assessment, read_assessment, sign_assessment
from assay.contracts.base import Reference
from assay.contracts.data import Source
from assay.settings import Settings
from registry import Registry
from stack.keys import ensure_keys


@pytest.fixture
def document(home: Path) -> Path:
    ensure_keys(home)
    path = home / "risks.md"
    path.write_text("# Risks\n\nRe-identification: names are replaced before anything is learnt.\n", "utf-8")
    return path


def sign(assay: Callable[..., Any], document: Path, until: str = "2099-01-01", *more: str) -> Any:
    return assay(
        *("dpia", "sign", "patient-portal", "--scope", "train-tenant-model", "--until", until),
        *("--assessor", "Ann@acme.example", "--document", str(document), *more),
    )


def test_a_signed_assessment_is_what_a_source_names(assay: Callable[..., Any], home: Path, document: Path) -> None:
    ended = sign(assay, document)
    assert ended.code == 0, ended.err
    reference = Reference.model_validate(ended.json)
    registry = Registry.open(Settings(home=home))
    source = Source.model_validate(
        {
            **{"name": "visits", "uri": "x.jsonl", "system": "patient-portal", "owner": "ann", "licence": "MIT"},
            **{"purposes": ["train-tenant-model"], "consent": "granted", "retention_days": 1, "tier": "curated"},
            **{"regulated": True, "dpia": reference},
        }
    )
    found = read_assessment(source, registry.blobs, home / "keys" / "signing.pub.pem")
    assert found is not None
    assert (found.scope, found.assessor, found.valid_until.year) == (("train-tenant-model",), "ann@acme.example", 2099)
    assert found.document is not None
    assert registry.blobs.get(found.document) == document.read_bytes()


def test_it_is_shown_with_who_assessed_it_and_whether_it_holds(
    assay: Callable[..., Any], home: Path, document: Path
) -> None:
    digest = sign(assay, document).json["sha256"]
    shown = assay("dpia", "show", digest)
    assert "patient-portal, for train-tenant-model" in shown.out
    assert "in force: until 2099-01-01" in shown.out
    assert "assessed by ann@acme.example on " in shown.out
    assert assay("dpia", "show", digest, "--json").json["in_force"] is True
    over = Assessment.model_validate({"valid_until": "2020-01-01T00:00:00Z", "scope": ["evaluate"]})
    old = Registry.open(Settings(home=home)).blobs.put(sign_assessment("crm", over, home / "keys" / "signing.pem"))
    assert "EXPIRED: until 2020-01-01" in assay("dpia", "show", old.sha256).out


def test_another_document_is_no_assessment(assay: Callable[..., Any], home: Path, document: Path) -> None:
    stored = Registry.open(Settings(home=home)).blobs.put(json.dumps({"scope": []}).encode())
    ended = assay("dpia", "show", stored.sha256)
    assert (ended.code, "STATEMENT_INVALID" in ended.err) == (1, True)
    assert "remedy: give the `sha256` that `assay dpia sign` printed" in ended.err


@pytest.mark.parametrize(
    ("name", "code"), [("sha256:" + "0" * 64, "BLOB_UNKNOWN"), ("patient-portal", "DIGEST_MALFORMED")]
)
def test_what_nobody_signed_is_looked_for_where_it_is_named(assay: Callable[..., Any], name: str, code: str) -> None:
    ended = assay("dpia", "show", name)
    assert (ended.code, code in ended.err) == (1, True)
    assert "remedy: give the `sha256` that `assay dpia sign` printed" in ended.err


@pytest.mark.parametrize("until", ["2020-01-01", "tomorrow"])
def test_what_has_expired_or_has_no_date_is_not_signed(assay: Callable[..., Any], document: Path, until: str) -> None:
    assert sign(assay, document, until).code == 2


def test_look_alikes_sign_nothing(assay: Callable[..., Any], document: Path) -> None:
    assert sign(assay, document, "2099-01-01", "--assessor", "\u0430nn@acme.example").code == 2
