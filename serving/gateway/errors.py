"""What the gateway refuses, in the shape that OpenAI clients expect.

`code` is OpenAI's word where OpenAI has one, else ours in the same style; none of the sentences repeats what an engine
said, because an engine's errors name other tenants' adapters.

    400  invalid_json · invalid_value · unsupported_parameter · context_length_exceeded · request_refused
    401  invalid_api_key
    403  version_revoked
    404  model_not_found · not_found
    405  method_not_allowed
    408  request_timeout
    413  request_too_large
    429  rate_limit_exceeded
    502  engine_failed · base_mismatch
    503  engine_unavailable · adapter_not_ready · no_route_table · control_plane_unreachable
    504  engine_timeout
"""

from __future__ import annotations

from typing import Final

import orjson

from assay.contracts.errors import AssayError

RETRY_AFTER_SECONDS: Final = 1
_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
}


class Refusal(AssayError):
    """One refused request: HTTP `status`, and the request's field at fault when there is one."""

    def __init__(
        self, status: int, code: str, message: str, remedy: str, *, param: str | None = None, allow: str = ""
    ) -> None:
        """`allow`: the methods that a resource has, for a 405."""
        super().__init__(code, message, remedy)
        self.status, self.param, self.allow = status, param, allow

    @property
    def retry_after(self) -> int | None:
        """Seconds after which the same request may succeed; None where repeating it is useless."""
        return RETRY_AFTER_SECONDS if self.status in (429, 503) else None

    def body(self) -> bytes:
        """OpenAI's error object, with our remedy beside the message."""
        kind = _TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.code, "remedy": self.remedy}
        return orjson.dumps({"error": error})


def invalid(param: str, message: str) -> Refusal:
    """A field whose value OpenAI's API would not take either."""
    return Refusal(400, "invalid_value", message, "See the chat completions reference for this field.", param=param)


def unsupported(param: str) -> Refusal:
    """A field outside the allow-list."""
    message = f"Unrecognized or unsupported request argument: {param[:100]}"
    return Refusal(400, "unsupported_parameter", message, "Leave this field out; see /openapi.json.", param=param[:100])


def unknown_model(model: str) -> Refusal:
    """The same words whether the name exists for another tenant or for nobody."""
    message = f"The model `{model[:100]}` does not exist or you do not have access to it."
    return Refusal(404, "model_not_found", message, "GET /v1/models lists what this key may use.", param="model")


def wrong_key() -> Refusal:
    """No key, or one that is not in force."""
    return Refusal(401, "invalid_api_key", "Incorrect API key provided.", "Send `Authorization: Bearer <key>`.")


def revoked() -> Refusal:
    """The caller's own production version is on the deny list; nothing else may answer in its place."""
    message = "The version behind this model has been revoked."
    return Refusal(403, "version_revoked", message, "Roll back or promote another version.", param="model")


def adapter_not_ready() -> Refusal:
    """No engine of the base holds the adapter; the reconciler is loading it, or should be."""
    return Refusal(503, "adapter_not_ready", "The model is being loaded.", "Try again shortly.")


def engine_unavailable() -> Refusal:
    """No engine could be reached; nothing was generated."""
    return Refusal(503, "engine_unavailable", "The model cannot answer at the moment.", "Try again shortly.")


def engine_failed() -> Refusal:
    """The engine broke while answering."""
    return Refusal(502, "engine_failed", "The model failed while answering.", "Try again; then tell the operator.")


def engine_timeout() -> Refusal:
    """The engine was silent for too long."""
    return Refusal(504, "engine_timeout", "The model did not answer in time.", "Try again with a shorter answer.")
