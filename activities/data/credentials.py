"""Credentials in one text, by the detectors of Yelp's detect-secrets.

Its keyword and entropy detectors are left out: they are made for source code, and take half of all chat for passwords.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from detect_secrets.plugins.base import BasePlugin

LONGEST_CACHED: Final = 4096
_NONE: Final[frozenset[tuple[str, str]]] = frozenset()
_LONG: Final = re.compile(r"(?<![\w\-./+=:])(?=[\w\-./+=:]{0,400}\d)[\w\-./+=:]{16}|://\S{1,400}@|-----BEGIN")
"""What every known credential has: a long token with a digit, an address with a password, the head of a key."""


def credentials(text: str) -> frozenset[tuple[str, str]]:
    """(kind, secret) of every credential; kinds are detect-secrets' names in capitals, `AWS_ACCESS_KEY`."""
    if not _LONG.search(text):
        return _NONE
    return _cached(text) if len(text) <= LONGEST_CACHED else _found(text)


@functools.lru_cache(8192)
def _cached(text: str) -> frozenset[tuple[str, str]]:
    return _found(text)


def _found(text: str) -> frozenset[tuple[str, str]]:
    return frozenset(
        (_kind(plugin.secret_type), str(secret))
        for line in text.splitlines()
        for plugin in _plugins()
        for secret in plugin.analyze_string(line)
    )


def _kind(secret_type: str) -> str:
    return "_".join("".join(c if c.isalnum() else " " for c in secret_type).upper().split())


@functools.cache
def _plugins() -> Sequence[BasePlugin]:
    """Made once and called directly: the library's own entry points keep their settings in a global."""
    from detect_secrets.plugins import (
        artifactory,
        aws,
        azure_storage_key,
        basic_auth,
        discord,
        github_token,
        gitlab_token,
        jwt,
        mailchimp,
        npm,
        openai,
        private_key,
        pypi_token,
        sendgrid,
        slack,
        square_oauth,
        stripe,
        telegram_token,
        twilio,
    )

    return (
        artifactory.ArtifactoryDetector(),
        aws.AWSKeyDetector(),
        azure_storage_key.AzureStorageKeyDetector(),
        basic_auth.BasicAuthDetector(),
        discord.DiscordBotTokenDetector(),
        github_token.GitHubTokenDetector(),
        gitlab_token.GitLabTokenDetector(),
        jwt.JwtTokenDetector(),
        mailchimp.MailchimpDetector(),
        npm.NpmDetector(),
        openai.OpenAIDetector(),
        private_key.PrivateKeyDetector(),
        pypi_token.PypiTokenDetector(),
        sendgrid.SendGridDetector(),
        slack.SlackDetector(),
        square_oauth.SquareOAuthDetector(),
        stripe.StripeDetector(),
        telegram_token.TelegramBotTokenDetector(),
        twilio.TwilioKeyDetector(),
    )
