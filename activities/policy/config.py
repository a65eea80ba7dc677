"""What the OPA server is started with: the bundle, the key it must be signed with, decision logs, and who may ask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

KEY_ID: Final = "assay-policy"
BUNDLE_NAME: Final = "assay"
POLL_SECONDS: Final = 2


def server_config(bundle: Path, public_key: Path) -> str:
    """OPA configuration as text (JSON, which is YAML). `bundle` is read as a file and watched.

    A bundle that does not verify under `public_key` is not activated: `/health?bundles` stays 500 and queries answer
    without a result. There is no `persist`: OPA persists only bundles that it fetched over HTTP. Decisions are logged
    to the console, one JSON line each, masked by `data.system.log.mask`.
    """
    config = {
        "bundles": {
            BUNDLE_NAME: {
                "resource": bundle.resolve().as_uri(),
                "polling": {"min_delay_seconds": POLL_SECONDS, "max_delay_seconds": POLL_SECONDS},
                "signing": {"keyid": KEY_ID},
            }
        },
        "keys": {KEY_ID: {"algorithm": "ES256", "key": public_key.read_text(encoding="ascii")}},
        "decision_logs": {"console": True},
    }
    return json.dumps(config, indent=2)


def server_arguments(config: Path, port: int, diagnostics_port: int) -> list[str]:
    """Arguments after the binary. Loopback only; `system.authz` in the bundle lets callers ask gates and nothing else.

    Ready when `http://127.0.0.1:{diagnostics_port}/health?bundles` answers 200.
    """
    return [
        "run",
        "--server",
        f"--addr=127.0.0.1:{port}",
        f"--diagnostic-addr=127.0.0.1:{diagnostics_port}",
        f"--config-file={config.resolve()}",
        "--authorization=basic",
        "--skip-version-check",
        "--log-format=json",
    ]
