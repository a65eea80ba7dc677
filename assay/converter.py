"""The one data converter of clients, workers, replayer and tests.

Input that does not validate fails a workflow at once with the field errors. The stock pydantic converter would leave
it running and retry the workflow task for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

import pydantic
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.common import RawValue
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import (
    BinaryNullPayloadConverter,
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverter,
    DefaultFailureConverterWithEncodedAttributes,
    DefaultPayloadConverter,
    EncodingPayloadConverter,
    JSONPlainPayloadConverter,
    create_payload_validation_error,
)
from temporalio.converter import PayloadConverter as AnyPayloadConverter
from temporalio.exceptions import ApplicationError

from assay.contracts.errors import where
from assay.encryption import codec_of, refuse_unreadable

if TYPE_CHECKING:
    from assay.settings import Settings


_OURS: Final = (b"json/plain", b"binary/null")


class StrictJSONConverter(PydanticJSONPlainPayloadConverter):
    """JSON through pydantic; a mismatch is a validation error that names the fields and echoes no input."""

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:  # noqa: ANN401  # SDK signature
        """Decode one payload into `type_hint`."""
        try:
            return super().from_payload(payload, type_hint)
        except pydantic.ValidationError as error:
            # The input is left out: it may hold personal data, and failures are stored in the history.
            fields = error.errors(include_url=False, include_context=False, include_input=False)
            raise _naming(fields) from None


class StrictNullConverter(BinaryNullPayloadConverter):
    """Null where null is meant; the stock converter gives None for any type, and a handler falls over it."""

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:  # noqa: ANN401  # SDK signature
        """None, when `type_hint` takes it."""
        if type_hint is not None:
            try:
                pydantic.TypeAdapter(type_hint).validate_python(None)
            except pydantic.ValidationError as error:
                raise _naming(error.errors(include_url=False, include_context=False, include_input=False)) from None
        return super().from_payload(payload, type_hint)


def _naming(fields: list[Any]) -> ApplicationError:
    """The SDK's own validation failure, with the fields in its message: the CLI and the UI do not decode details."""
    # Twenty are enough to mend it by, and a name that nobody foresaw may be personal data as well.
    fields = [{**field, "loc": (where(field["loc"]),)} for field in fields[:20]]
    stock = create_payload_validation_error(fields)
    said = "; ".join(f"{field['loc'][0] or 'input'}: {field['msg']}" for field in fields)
    return ApplicationError(f"{stock.message}: {said[:2000]}", *stock.details, type=stock.type, non_retryable=True)


class PayloadConverter(CompositePayloadConverter):
    """The default converters with two replaced; what could not be decrypted is refused by a typed error."""

    def __init__(self) -> None:
        defaults = DefaultPayloadConverter.default_encoding_payload_converters
        super().__init__(*map(_strict, defaults))

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        """Decode payloads; ours are JSON, whatever else the SDK could read would not have the type that is asked for.

        Raises IntegrityRefused (see `assay.encryption.refuse_unreadable`), ApplicationError.
        """
        for payload, hint in zip_longest(payloads, type_hints or ()):
            refuse_unreadable(payload)
            if hint not in (None, RawValue) and payload.metadata.get("encoding") not in _OURS:
                raise _naming([{"type": "json_type", "loc": (), "msg": "Input should be JSON"}])
        return super().from_payloads(payloads, type_hints)


class FailureConverter(DefaultFailureConverter):
    """Failures without a stack where the input was at fault: whoever sent it has no use for ours."""

    def to_failure(self, exception: BaseException, payload_converter: AnyPayloadConverter, failure: Failure) -> None:
        """Fill `failure` from an exception."""
        if isinstance(exception, ApplicationError) and exception.type == create_payload_validation_error(None).type:
            exception.__traceback__ = None
        super().to_failure(exception, payload_converter, failure)


class EncryptedFailureConverter(FailureConverter, DefaultFailureConverterWithEncodedAttributes):
    """The same, with message and stack where the codec reaches them."""


def _strict(stock: EncodingPayloadConverter) -> EncodingPayloadConverter:
    if isinstance(stock, BinaryNullPayloadConverter):
        return StrictNullConverter()
    return StrictJSONConverter() if isinstance(stock, JSONPlainPayloadConverter) else stock


def converter_of(settings: Settings) -> DataConverter:
    """The converter in force: with a payload key, everything is encrypted, words of failures included.

    Raises InputRefused (`PAYLOAD_KEY_MALFORMED`, `PAYLOAD_KEY_MISSING`).
    """
    codec = codec_of(settings)
    if codec is None:
        return data_converter
    return DataConverter(
        payload_converter_class=PayloadConverter,
        payload_codec=codec,
        failure_converter_class=EncryptedFailureConverter,
    )


data_converter: Final = DataConverter(
    payload_converter_class=PayloadConverter, failure_converter_class=FailureConverter
)
