"""Names come from outside and end in workflow ids, folders, blob keys and adapter names: none may lead elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from assay.contracts import names
from assay.contracts.base import Digest, Slug, Version, canonical_person
from assay.contracts.data import IntakeRequest
from assay.contracts.errors import AssayError, IntegrityRefused
from assay.contracts.training import DatasetChoice, TrainJob
from registry.blobs import BlobStore
from registry.trees import parse
from serving.adapters import AdapterStore

SLUG, DIGEST, VERSION = TypeAdapter(Slug), TypeAdapter(Digest), TypeAdapter(Version)
HEX = "a" * 64

TRICKS = {
    "empty": "",
    "dot": ".",
    "dots": "..",
    "up": "../globex",
    "slash": "acme/helpdesk",
    "back slash": "acme\\helpdesk",
    "percent": "acme%2fhelpdesk",
    "absolute": "/etc",
    "home": "~root",
    "drive": "c:",
    "NUL": "acme\0",
    "new line": "acme\n",
    "carriage return": "acme\r",
    "blank": "acme ",
    "leading blank": " acme",
    "dotted": "acme.helpdesk",
    "leading dash": "-acme",
    "trailing dash": "acme-",
    "double colon": "acme::x",
    "upper case": "ACME",
    "full width": "\uff41cme",
    "full width slash": "acme\uff0fx",
    "fraction slash": "acme\u2044x",
    "one dot leader": "\u2024\u2024",
    "cyrillic": "\u0430cme",
    "combining": "acme\u0301",
    "zero width": "ac\u200bme",
    "right to left": "\u202eemca",
    "line separator": "acme\u2028",
    "arabic digits": "acme\u0661",
    "superscript": "acme\u00b2",
    "emoji": "acme\U0001f600",
    "half a pair": "acme\ud800",
    "64 characters": "a" * 64,
    "10,000 characters": "a" * 10_000,
    "pattern": "*",
    "shell": "$(id)",
    "sql": "';--",
    "template": "{tenant}",
}


@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS.keys())
def test_no_tenant_model_or_dataset_is_called_so(trick: str) -> None:
    with pytest.raises(ValidationError):
        SLUG.validate_python(trick)
    with pytest.raises(ValidationError):
        DatasetChoice(dataset=f"{trick}/1")
    request = {"tenant": trick, "dataset": "x", "sources": [], "requested_by": "ann"}
    with pytest.raises(ValidationError):
        IntakeRequest.model_validate(request)


@pytest.mark.parametrize("version", [0, -1, 1.5, "1e3", "1/2", True, float("nan"), None, "../1"], ids=repr)
def test_no_version_is_called_so(version: Any) -> None:
    if version is True:
        assert VERSION.validate_python(True) == 1  # a number all the same, and written as one
        return
    with pytest.raises(ValidationError):
        VERSION.validate_python(version)


@pytest.mark.parametrize(
    "text",
    [
        HEX,
        f"sha256:{HEX}\n",
        f"sha256:{HEX.upper()}",
        f"sha256:{HEX}/..",
        f"sha512:{HEX}",
        f" sha256:{HEX}",
        "sha256:",
        "..",
    ],
    ids=repr,
)
def test_no_digest_is_written_so(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        DIGEST.validate_python(text)
    if text != HEX:  # the store takes it without its algorithm
        with pytest.raises(AssayError, match="DIGEST_MALFORMED"):
            BlobStore.open((tmp_path / "blobs").as_uri()).get(text)


@pytest.mark.parametrize(
    "run", ["..", ".", "../x", "a/b", "/etc", "a\0", "a\n", "", "-x", "\u0430", "a" * 256], ids=repr
)
def test_no_run_has_a_folder_elsewhere(run: str) -> None:
    with pytest.raises(ValidationError) as error:
        TrainJob.model_validate({"run_id": run, "request": {}})
    assert any(fault["loc"] == ("run_id",) for fault in error.value.errors())


slug = st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
version = st.integers(1, 10**6)
thing = st.tuples(slug, slug, version)
IDS = (
    names.lifecycle_id,
    names.intake_id,
    names.training_id,
    names.evaluation_id,
    names.promotion_id,
    names.rollout_id,
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(thing, thing, st.sampled_from(IDS), st.sampled_from(IDS))
def test_two_things_never_share_a_workflow(one: Any, other: Any, of_one: Any, of_other: Any) -> None:
    assert (of_one(*one) == of_other(*other)) == ((one, of_one) == (other, of_other))


@settings(max_examples=300, derandomize=True, deadline=None)
@given(thing, thing, st.text("0123456789abcdef", min_size=64, max_size=64), st.integers(1, 9))
def test_two_adapters_of_different_models_never_share_a_name(one: Any, other: Any, digest: str, attempt: int) -> None:
    same = names.adapter_name(*one[:2], digest) == names.adapter_name(*other[:2], digest)
    assert same == (one[:2] == other[:2])
    evaluated = names.evaluated_adapter_name(*one[:2], digest, digest[:8], attempt)
    assert evaluated != names.adapter_name(*other[:2], digest)
    assert "/" not in evaluated


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.text("0123456789abcdef", min_size=64, max_size=64))
def test_an_adapter_stays_in_its_folder(digest: str) -> None:
    store = AdapterStore(Path("/state"), None)  # type: ignore[arg-type]  # nothing is fetched
    assert store.path(DIGEST.validate_python(f"sha256:{digest}")).parent == Path("/state/adapters")


@settings(max_examples=400, derandomize=True, deadline=None)
@given(
    st.lists(
        st.one_of(st.text(max_size=12), st.sampled_from(["..", "a/..", "/a", "a//b", "./a", "a\\b", "a\0"])), max_size=3
    )
)
def test_no_tree_writes_outside_of_its_target(paths: list[str]) -> None:
    files = [{"path": path, "sha256": f"sha256:{HEX}", "size": 1} for path in paths]
    try:
        tree = parse(json.dumps({"files": files}).encode())
    except IntegrityRefused:
        return
    target = Path("/target")
    for entry in tree.files:
        where = Path(f"{target}/{entry.path}")
        assert ".." not in where.parts
        assert target in where.parents


@settings(max_examples=500, derandomize=True, deadline=None)
@given(st.text(max_size=40))
def test_a_person_has_one_spelling(text: str) -> None:
    try:
        name = canonical_person(text)
    except ValueError:
        return
    assert canonical_person(name) == name
    assert canonical_person(f" {name.upper()} ") == canonical_person(name.upper())
    assert name.isprintable()
