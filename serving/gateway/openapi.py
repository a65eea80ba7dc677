"""GET /openapi.json: the API as a static description, built from the allow-list so that the two cannot differ."""

from __future__ import annotations

from typing import Any, Final

from serving.gateway.body import DROPPED, FORWARDED

_STAMP: Final = {
    name: {"description": text, "schema": {"type": "string"}}
    for name, text in {
        "x-assay-base-revision": "revision of the base model that answered",
        "x-assay-adapter": "digest of the adapter that answered, or `none`",
        "x-assay-arm": "stable or canary; `none` when no arm was asked",
        "x-assay-route-revision": "revision of the route table that was in force",
        "x-request-id": "yours when you sent a well-formed one, else ours",
    }.items()
}
_ERROR: Final = {
    "description": "refused; `error.code` is stable, `error.remedy` says what to do",
    "headers": _STAMP,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {
                    "error": {
                        "type": "object",
                        "properties": {
                            name: {"type": ["string", "null"]}
                            for name in ("message", "type", "param", "code", "remedy")
                        },
                    }
                },
            }
        }
    },
}


def _operation(summary: str, kind: str, *, key: str | None, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # OpenAPI
    return {
        "summary": summary,
        "security": [{key: []}] if key else [],
        "responses": {
            "200": {"description": "answered", "headers": _STAMP, "content": {kind: {}}},
            "default": _ERROR,
        },
        **more,
    }


_FORWARDED_FIELDS: Final = {name: {"description": "as in OpenAI's API"} for name in FORWARDED}
_DROPPED_FIELDS: Final = {name: {"description": "accepted, has no effect here"} for name in sorted(DROPPED)}
_CHAT_BODY: Final = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["model", "messages"],
                "additionalProperties": False,
                "properties": _FORWARDED_FIELDS | _DROPPED_FIELDS,
            }
        }
    },
}
_SESSION: Final = {
    "name": "x-assay-session",
    "in": "header",
    "schema": {"type": "string"},
    "description": "requests of one session meet the same arm; without it `user` decides, then the API key",
}
_QUERY: Final = [
    {"name": name, "in": "query", "required": name != "since_revision", "schema": {"type": "string"}}
    for name in ("tenant", "model", "since_revision")
]

DESCRIPTION: Final[dict[str, Any]] = {
    "openapi": "3.1.0",
    "info": {"title": "Assay gateway", "version": "1"},
    "components": {
        "securitySchemes": {name: {"type": "http", "scheme": "bearer"} for name in ("tenantKey", "adminKey")}
    },
    "paths": {
        "/v1/chat/completions": {
            "post": _operation(
                "Chat completion, whole or as server-sent events",
                "application/json",
                key="tenantKey",
                requestBody=_CHAT_BODY,
                parameters=[_SESSION],
            )
        },
        "/v1/models": {"get": _operation("Models of this key's tenant", "application/json", key="tenantKey")},
        "/healthz": {"get": _operation("Can this gateway answer?", "application/json", key=None)},
        "/metrics": {"get": _operation("Prometheus metrics", "text/plain", key="adminKey")},
        "/admin/refresh": {"post": _operation("Take the newest route table", "application/json", key="adminKey")},
        "/admin/observations": {
            "get": _operation("What was counted", "application/json", key="adminKey", parameters=_QUERY)
        },
    },
}
