"""Credentials in one text, by the detectors of Yelp's detect-secrets.

Its keyword and entropy detectors are left out: they are made for source code, and take half of all chat for passwords.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from activities.data.kinds.patterns import Patterns

if TYPE_CHECKING:
    from detect_secrets.plugins.base import RegexBasedDetector

LONGEST_CACHED: Final = 4096
_NONE: Final[frozenset[tuple[str, str]]] = frozenset()


def credentials(text: str) -> frozenset[tuple[str, str]]:
    """(kind, secret) of every credential; kinds are detect-secrets' names in capitals, `AWS_ACCESS_KEY`."""
    return _cached(text) if len(text) <= LONGEST_CACHED else _found(text)


@functools.lru_cache(8192)
def _cached(text: str) -> frozenset[tuple[str, str]]:
    return _found(text)


def _found(text: str) -> frozenset[tuple[str, str]]:
    lines = text.splitlines()
    plugins = _possible(lines)
    if not plugins:
        return _NONE
    return frozenset(
        (_kind(plugin.secret_type), str(secret))
        for line in lines
        for plugin in plugins
        for secret in plugin.analyze_string(line)
    )


def _possible(lines: Sequence[str]) -> Sequence[RegexBasedDetector]:
    """The detectors that may find something: their own patterns say so in one pass, none too few."""
    try:
        data = "\n".join(lines).encode()
    except UnicodeEncodeError:  # half a surrogate pair, which UTF-8 has no word for
        return _plugins()
    patterns, owners = _patterns()
    return [_plugins()[owner] for owner in {owners[number] for number, _ in patterns.over(data)}]


@functools.cache
def _patterns() -> tuple[Patterns, Sequence[int]]:
    """All detectors' patterns, and whose each is. Hyperscan lets more through where it lacks a construct."""
    import hyperscan

    each = [(pattern, owner) for owner, plugin in enumerate(_plugins()) for pattern in plugin.denylist]
    # As Python reads them: digits and spaces of all scripts; a line is by itself.
    always = (
        hyperscan.HS_FLAG_PREFILTER
        | hyperscan.HS_FLAG_SINGLEMATCH
        | hyperscan.HS_FLAG_UTF8
        | hyperscan.HS_FLAG_UCP
        | hyperscan.HS_FLAG_MULTILINE
    )
    flags = [always | (hyperscan.HS_FLAG_CASELESS if pattern.flags & re.IGNORECASE else 0) for pattern, _ in each]
    texts = [("(?x)" if pattern.flags & re.VERBOSE else "") + pattern.pattern for pattern, _ in each]
    return Patterns([text.encode() for text in texts], flags), [owner for _, owner in each]


def _kind(secret_type: str) -> str:
    return "_".join("".join(c if c.isalnum() else " " for c in secret_type).upper().split())


@functools.cache
def _plugins() -> Sequence[RegexBasedDetector]:
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
