"""`assay keys`."""

from __future__ import annotations

import base64
import secrets

import click
from pydantic import TypeAdapter, ValidationError

from assay.cli.main import as_json, json_option, settings_in_force
from assay.contracts.base import Slug
from assay.settings import Settings
from registry import Registry


@click.group()
def keys() -> None:
    """API keys of tenants. They are stored hashed; gateways take a new key within a second."""


@keys.command()
@click.argument("tenant")
@json_option
def create(tenant: str, *, as_json_: bool) -> None:
    """Make a key for TENANT and print it: it is shown this once."""
    try:
        TypeAdapter(Slug).validate_python(tenant)
    except ValidationError as error:
        raise click.BadParameter("a tenant is lower-case letters, digits and dashes", param_hint="TENANT") from error
    settings = settings_in_force()
    key = Registry.open(settings).keys.create(tenant)
    if as_json_:
        as_json({"tenant": tenant, "key": key})
    else:
        click.echo(key)
        click.echo(f"for {tenant}, in {_where(settings)}", err=True)


@keys.command()
@json_option
def payload(*, as_json_: bool) -> None:
    """Make a key that encrypts payloads in Temporal, and print it for ASSAY_PAYLOAD_KEYS: it is kept nowhere."""
    entry = f"{secrets.token_hex(4)}:{base64.b64encode(secrets.token_bytes(32)).decode()}"
    if as_json_:
        as_json({"payload_key": entry})
    else:
        click.echo(entry)


@keys.command()
@click.argument("key")
def revoke(key: str) -> None:
    """Take KEY out of force."""
    settings = settings_in_force()
    Registry.open(settings).keys.revoke(key)
    click.echo(f"revoked in {_where(settings)}")


def _where(settings: Settings) -> str:
    """The record that holds the keys, without what its URL may hold."""
    return "the database of ASSAY_DATABASE_URL" if settings.database_url else str(settings.home.resolve())
