"""Examples of any of our models, made from its fields: valid as far as the field says what valid is."""

from __future__ import annotations

import types
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types as at
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from assay.contracts.base import canonical_person

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
PERSON = st.sampled_from(["ann@acme.example", "bob", "josé", "用户", "svc-1"])


def model(kind: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    """What `kind` takes, as its fields say; rules between fields may still refuse it."""
    required = {name: field for name, field in kind.model_fields.items() if field.is_required()}
    optional = {name: field for name, field in kind.model_fields.items() if not field.is_required()}
    return st.fixed_dictionaries(
        {name: _field(field) for name, field in required.items()},
        optional={name: _field(field) for name, field in optional.items()},
    )


def _field(field: FieldInfo) -> st.SearchStrategy[Any]:
    return _of(field.annotation, list(field.metadata))


def _of(hint: Any, limits: list[Any]) -> st.SearchStrategy[Any]:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        more = [limit for each in inner[1:] for limit in (each.metadata if isinstance(each, FieldInfo) else [each])]
        return _of(inner[0], [*limits, *more])
    if origin is Literal:
        return st.sampled_from(inner)
    if origin in (Union, types.UnionType):
        return st.one_of(*(_of(each, limits) for each in inner))
    if origin is tuple:
        low, high = _bound(limits, at.MinLen, 0), min(_bound(limits, at.MaxLen, 3), 3)
        return st.lists(_of(inner[0], []), min_size=low, max_size=max(low, high))
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return st.deferred(lambda: model(hint))
    return _plain(hint, limits)


def _plain(hint: Any, limits: list[Any]) -> st.SearchStrategy[Any]:
    if hint is str:
        return _text(limits)
    if hint is int:
        low = _bound(limits, at.Ge, _bound(limits, at.Gt, -1) + 1)
        return st.integers(low, _bound(limits, at.Le, low + 1000))
    if hint is float:
        return st.floats(0.01, 0.49)
    if hint is timedelta:
        return st.timedeltas(timedelta(seconds=1), timedelta(days=30))
    if hint is datetime:
        return st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
    return {bool: st.booleans(), type(None): st.none()}.get(hint, JSON)


def _text(limits: list[Any]) -> st.SearchStrategy[str]:
    if any(getattr(limit, "func", None) is canonical_person for limit in limits):
        return PERSON
    pattern = next((limit.pattern for limit in limits if getattr(limit, "pattern", None)), None)
    if pattern:
        return st.from_regex(pattern.replace("^", r"\A", 1).removesuffix("$") + r"\Z")
    low = _bound(limits, at.MinLen, 0)
    return st.text(min_size=low, max_size=low + 20)


def _bound(limits: list[Any], kind: type, otherwise: int) -> int:
    name = {at.MinLen: "min_length", at.MaxLen: "max_length", at.Ge: "ge", at.Gt: "gt", at.Le: "le"}[kind]
    return int(next((getattr(limit, name) for limit in limits if isinstance(limit, kind)), otherwise))
