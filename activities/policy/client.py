"""Ask a gate: one stored question, one typed decision, and never an allow by default.

The facts are stored as canonical JSON before they are sent, so that `opa eval --input` of those bytes against the
bundle of that revision repeats the decision.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import requests
import rfc8785
from opa_client.opa import OpaClient  # type: ignore[import-untyped]  # the package ships no type information
from pydantic import AnyHttpUrl, BaseModel, ConfigDict, TypeAdapter, ValidationError

from activities.policy.config import BUNDLE_NAME
from assay.contracts.base import Reference
from assay.contracts.errors import AssayError, InputRefused, PolicyUndefined, Unavailable
from assay.contracts.policy import Decision, Gate, Violation
from assay.telemetry import meters, traces
from registry.blobs import reference_to

TIMEOUT_SECONDS: Final = 10.0
DOWN: Final = "start OPA with `assay up`, or set ASSAY_OPA_URL; nothing is decided meanwhile"
UNDEFINED: Final = "check that OPA runs the signed bundle of this version (`assay logs opa`)"


class Blobs(Protocol):
    """Where questions are kept."""

    def put(self, data: bytes) -> Reference:
        """Store bytes under their digest."""


class NotKept:
    """Where a dry run has its questions kept: nowhere. `input` of its decisions is the digest of what was asked."""

    def put(self, data: bytes) -> Reference:
        """What storing would answer."""
        return reference_to(data)


@dataclass(frozen=True)
class Answer:
    """A decision, and the whole document of the gate (the intake gate's has `rows`)."""

    decision: Decision
    document: Mapping[str, Any]


class _Result(BaseModel):
    """What every gate answers; gates may say more."""

    model_config = ConfigDict(extra="allow", strict=True)

    allow: bool
    violations: list[Violation]
    warnings: list[Violation]


class _Revision(BaseModel):
    revision: str


class _Provenance(BaseModel):
    bundles: dict[str, _Revision]


class _Response(BaseModel):
    """OPA's envelope. `result` is absent when the document is undefined."""

    decision_id: str
    provenance: _Provenance
    result: _Result


class PolicyClient:
    """Asks one OPA server. Safe to use from several threads: each question has its own connection."""

    def __init__(self, url: str, blobs: Blobs, *, timeout: float = TIMEOUT_SECONDS) -> None:
        server = _server(url)
        self._blobs = blobs
        self._server = {
            "host": server.host,
            "port": server.port,
            "ssl": server.scheme == "https",
            # Temporal retries; a second layer of retries would only hide how long OPA has been down.
            "retries": 0,
            "timeout": timeout,
        }

    def decide(self, gate: Gate, facts: dict[str, Any]) -> Answer:
        """Store the facts, ask `data.assay.<gate>.decision`, and return what it said.

        Raises PolicyUndefined (no result, or one that is no decision), Unavailable (`OPA_UNREACHABLE`, `OPA_FAILED`),
        InputRefused (`FACTS_MALFORMED`: facts that JSON cannot say).
        """
        try:
            question = rfc8785.dumps(facts)
        except (rfc8785.CanonicalizationError, TypeError) as error:
            raise InputRefused("FACTS_MALFORMED", f"the facts of {gate} are no JSON: {error}", "report this") from error
        stored = self._blobs.put(question)
        try:
            with traces.span("decide", "client", {"assay.gate": gate}):
                response = _checked(gate, self._ask(gate, json.loads(question)))
        except AssayError:
            meters.GATE_FAILURES.add(gate=gate)
            raise
        decision = Decision(
            gate=gate,
            allow=response.result.allow and not response.result.violations,
            violations=tuple(response.result.violations),
            warnings=tuple(response.result.warnings),
            decision_id=response.decision_id,
            policy_revision=response.provenance.bundles[BUNDLE_NAME].revision,
            input=stored,
        )
        _count(decision)
        return Answer(decision=decision, document=response.result.model_dump(mode="json"))

    def _ask(self, gate: Gate, facts: Any) -> object:  # noqa: ANN401  # parsed JSON
        try:
            with OpaClient(**self._server) as client:
                answer: object = client.query_rule(facts, f"assay.{gate}", "decision", {"provenance": True})
        except requests.HTTPError as error:
            said = error.response.status_code if error.response is not None else "nothing"
            raise Unavailable("OPA_FAILED", f"OPA answered {said} to the {gate} gate", DOWN) from error
        except requests.RequestException as error:
            raise Unavailable("OPA_UNREACHABLE", f"OPA did not answer the {gate} gate", DOWN) from error
        return answer


def _count(decision: Decision) -> None:
    meters.GATE_DECISIONS.add(gate=decision.gate, outcome="allowed" if decision.allow else "refused")
    for code in {violation.code for violation in decision.violations}:
        meters.GATE_VIOLATIONS.add(gate=decision.gate, code=code)


def _server(url: str) -> AnyHttpUrl:
    """Raises InputRefused (`OPA_URL_MALFORMED`); the library cannot ask an OPA behind a path."""
    try:
        server = TypeAdapter(AnyHttpUrl).validate_python(url)
    except ValidationError:
        server = None
    if server is None or (server.path or "/") != "/":
        raise InputRefused("OPA_URL_MALFORMED", f"{url} is not http(s)://host:port", "set ASSAY_OPA_URL")
    return server


def _checked(gate: Gate, answer: object) -> _Response:
    if not isinstance(answer, dict) or "result" not in answer:
        raise PolicyUndefined("POLICY_UNDEFINED", f"OPA answered the {gate} gate without a result", UNDEFINED)
    try:
        response = _Response.model_validate(answer)
    except ValidationError as error:
        raise PolicyUndefined("POLICY_MALFORMED", f"the {gate} gate's answer is no decision", UNDEFINED) from error
    if BUNDLE_NAME not in response.provenance.bundles:
        raise PolicyUndefined("POLICY_UNSIGNED", f"the {gate} gate was not decided by the bundle", UNDEFINED)
    return response
