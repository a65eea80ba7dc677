"""Codec server: lets Temporal's command line and UI show encrypted payloads. `python -m workers.codec_server`

    POST /encode, /decode   Temporal's remote codec protocol: a `Payloads` message as JSON, in and out
    GET, POST /session      a form for the token, answered with a cookie, for browsers
    GET /healthz            open

Who may read every payload must prove it: the token of `keys/codec.key` (or `ASSAY_CODEC_KEY`) as a bearer token, or the
cookie. Browsers of any other origin than the UI's are refused. It listens on loopback.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from google.protobuf.json_format import MessageToJson, Parse, ParseError
from temporalio.api.common.v1 import Payload, Payloads

from assay.contracts.errors import InputRefused
from assay.encryption import UNREADABLE, EncryptionCodec, codec_of
from assay.settings import Settings

MAX_BODY_BYTES: Final = 16 << 20
"""A page of a history: Temporal lets one payload have 2 MB, and base64 makes 2.7 MB of them."""
COOKIE: Final = "assay-codec"
HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
FORM: Final = (
    '<!doctype html><title>Assay codec</title><form method="post"><label>Token '
    '<input name="token" type="password" autofocus></label> <button>Open</button></form>'
)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Move = Callable[[list[Payload]], Awaitable[list[Payload]]]


class CodecServer:
    """The application's handlers. `origin` is the UI's, the only one that browsers may come from."""

    def __init__(self, codec: EncryptionCodec, token: str, origin: str) -> None:
        self._codec, self._origin = codec, origin
        self._token = token.encode()
        # Whoever reads the cookie cannot use it as the bearer token.
        self._cookie = hmac.digest(self._token, b"assay codec session", hashlib.sha256).hex()

    def application(self) -> web.Application:
        """What aiohttp runs."""
        application = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[self._guard])
        application.router.add_post("/encode", self.encode)
        application.router.add_post("/decode", self.decode)
        application.router.add_get("/session", self.form)
        application.router.add_post("/session", self.open_session)
        application.router.add_get("/healthz", self.health)
        return application

    async def encode(self, request: web.Request) -> web.StreamResponse:
        """Plain in, encrypted out."""
        return await self._move(request, self._codec.encode)

    async def decode(self, request: web.Request) -> web.StreamResponse:
        """Encrypted in, plain out; what cannot be decrypted comes back as it was."""
        return await self._move(request, self._readable)

    async def form(self, request: web.Request) -> web.StreamResponse:  # noqa: ARG002  # aiohttp's signature
        """Where a person enters the token."""
        return web.Response(text=FORM, content_type="text/html")

    async def open_session(self, request: web.Request) -> web.StreamResponse:
        """The cookie, for the right token."""
        token = (await request.post()).get("token")
        if not isinstance(token, str) or not self._is_token(token):
            raise web.HTTPUnauthorized(text="this is not the token")
        response = web.Response(text="The UI may show payloads now: send credentials to this codec endpoint.")
        response.set_cookie(COOKIE, self._cookie, httponly=True, samesite="Strict", path="/")
        return response

    async def health(self, request: web.Request) -> web.StreamResponse:  # noqa: ARG002  # aiohttp's signature
        """It answers."""
        return web.Response(text="ok")

    async def _move(self, request: web.Request, move: Move) -> web.StreamResponse:
        if not self._may(request):
            raise web.HTTPUnauthorized(text="send the codec server's token as a bearer token")
        try:
            sent = Parse(await request.text(), Payloads())
        except (ParseError, UnicodeDecodeError, RecursionError) as error:
            raise web.HTTPBadRequest(text="this is no Payloads message") from error
        moved = Payloads(payloads=await move(list(sent.payloads)))
        return web.Response(text=MessageToJson(moved, indent=None), content_type="application/json")

    async def _readable(self, payloads: list[Payload]) -> list[Payload]:
        found = await self._codec.decode(payloads)
        for payload in found:
            payload.metadata.pop(UNREADABLE, None)
        return found

    def _may(self, request: web.Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(token.strip()):
            return True
        return hmac.compare_digest(request.cookies.get(COOKIE, "").encode(), self._cookie.encode())

    def _is_token(self, token: str) -> bool:
        return bool(self._token) and hmac.compare_digest(token.encode("utf-8", "replace"), self._token)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """CORS for one origin; a browser that comes from another is refused before anything is looked at."""
        origin = request.headers.get("origin")
        own = f"{request.scheme}://{request.host}"
        if origin not in (None, self._origin, own if request.path == "/session" else None):
            return web.Response(status=403, text="not from this origin", headers=HEADERS)
        try:
            response = web.Response() if request.method == "OPTIONS" else await handler(request)
        except web.HTTPException as refused:
            response = web.Response(status=refused.status, text=refused.text)
        response.headers.update(HEADERS)
        if origin == self._origin:
            response.headers.update(
                {
                    "access-control-allow-origin": self._origin,
                    "access-control-allow-credentials": "true",
                    "access-control-allow-methods": "POST",
                    "access-control-allow-headers": "authorization, content-type, x-namespace",
                    "vary": "origin",
                }
            )
        return response


def make(settings: Settings) -> web.Application:
    """The application that the settings ask for.

    Raises InputRefused (`PAYLOAD_KEY_MALFORMED`, `PAYLOAD_KEY_MISSING`, `CODEC_TOKEN_MISSING`).
    """
    codec, token = codec_of(settings), settings.codec_token.get_secret_value()
    if codec is None:
        raise InputRefused(
            "PAYLOAD_KEY_MISSING",
            "there is nothing to decode: no payload key is set",
            "set ASSAY_PAYLOAD_KEYS; `assay keys payload` makes a key",
        )
    if not token:
        raise InputRefused(
            "CODEC_TOKEN_MISSING",
            "the codec server has no token that it could ask for",
            "run `assay up`, which makes keys/codec.key, or set ASSAY_CODEC_KEY",
        )
    return CodecServer(codec, token, f"http://127.0.0.1:{settings.ports.temporal_ui}").application()


def main() -> None:
    """Serve until SIGTERM."""
    settings = Settings()
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # No access log: there is nothing in it but paths, and its time is the UI's.
    web.run_app(make(settings), host="127.0.0.1", port=settings.ports.codec, access_log=None, print=None)


if __name__ == "__main__":
    main()
