"""Every setting there is: one model, prefix `ASSAY_`, nested names joined by two underscores.

A value comes from, first found wins: the environment, `.env` in the working folder, the default below.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = int


class Ports(BaseModel):
    """Loopback ports of the local stack."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temporal: Port = Field(default=7233, ge=1, le=65535)
    temporal_ui: Port = Field(default=8233, ge=1, le=65535)
    opa: Port = Field(default=8181, ge=1, le=65535)
    opa_diagnostics: Port = Field(default=8282, ge=1, le=65535)
    engine: Port = Field(default=30000, ge=1, le=65535)
    gateway: Port = Field(default=8080, ge=1, le=65535)
    codec: Port = Field(default=8234, ge=1, le=65535, description="codec server; runs when there is a payload key")
    worker_metrics: Port = Field(
        default=9464, ge=1, le=65500, description="first of five: one a worker, then the local Temporal's"
    )


class EngineSettings(BaseModel):
    """The serving engine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    urls: tuple[str, ...] = Field(default=(), description="engines to use instead of the local one")
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    context_length: int = Field(default=2048, ge=64)
    max_loras: int = Field(default=4, ge=2, description="adapters in one batch; one slot is the base's")
    max_loaded_loras: int = Field(default=8, ge=2)
    max_lora_rank: int = Field(default=16, ge=1)
    max_total_tokens: int = Field(default=32768, ge=1024, description="KV cache, in tokens")


class ScanningSettings(BaseModel):
    """How rows are scanned, where, and in which portions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    runner: Literal["processes", "ray"] = Field(default="processes", description="of this worker, or a Ray cluster's")
    processes: int | None = Field(
        default=None, ge=1, le=256, description="scanning at once; default one less than there are cores"
    )
    shard_rows: int = Field(default=10_000, ge=1, le=100_000, description="rows a shard, of at most 64 MiB")
    thorough: bool = Field(default=False, description="ask the model for names about more of each text: slower")
    ray_address: str | None = Field(default=None, description="of a Ray cluster; default one on this machine")

    @property
    def lanes(self) -> int:
        """Processes in force."""
        return self.processes or max(1, (os.cpu_count() or 1) - 1)


class Settings(BaseSettings):
    """Settings of every Assay process."""

    model_config = SettingsConfigDict(
        env_prefix="ASSAY_", env_nested_delimiter="__", env_file=".env", extra="ignore", frozen=True
    )

    home: Path = Field(default=Path("var"), description="state folder: databases, blobs, keys, logs")
    database_url: str | None = Field(default=None, description="SQLAlchemy URL; default SQLite in `home`")
    blob_url: str | None = Field(
        default=None, description="obstore URL (s3://, gs://, az://, file://); default in `home`"
    )
    temporal_address: str | None = Field(default=None, description="host:port; default the local dev server")
    temporal_namespace: str = "default"
    opa_url: str | None = Field(default=None, description="default the local OPA")
    gateway_urls: tuple[str, ...] = Field(default=(), description="default the local gateway")
    gateway_host: str = Field(default="127.0.0.1", description="address that the gateway listens on")
    gateway_processes: int = Field(default=1, ge=1)
    admin_key: SecretStr | None = Field(
        default=None, description="control key of gateways and engines; default in `home`"
    )
    payload_keys: SecretStr | None = Field(
        default=None, description="`id:base64` of 32 bytes, comma-separated: the first encrypts, all decrypt"
    )
    payload_strict: bool = Field(default=False, description="refuse payloads that are not encrypted")
    codec_key: SecretStr | None = Field(default=None, description="token of the codec server; default in `home`")
    otlp_endpoint: str | None = Field(
        default=None, description="OpenTelemetry collector, OTLP over HTTP (http://host:4318); none means no export"
    )
    trace_sample_ratio: float = Field(default=1.0, ge=0, le=1, description="share of new traces that are exported")
    metrics_host: str = Field(default="127.0.0.1", description="address on which workers show their metrics")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto", description="auto is text on a terminal and JSON elsewhere"
    )
    build_id: str | None = Field(default=None, description="worker version; default the version of the package")
    ports: Ports = Ports()
    engine: EngineSettings = EngineSettings()
    scanning: ScanningSettings = ScanningSettings()

    @property
    def control_key(self) -> SecretStr:
        """Control key of gateways and engines in force; empty, which nothing accepts, while there is none."""
        return self.admin_key or self._stored_key("admin")

    @property
    def engine_key(self) -> SecretStr:
        """Data key of the engines in force; empty while there is none."""
        return self._stored_key("engine")

    @property
    def codec_token(self) -> SecretStr:
        """Token of the codec server in force; empty, which nothing accepts, while there is none."""
        return self.codec_key or self._stored_key("codec")

    def _stored_key(self, name: str) -> SecretStr:
        path = self.home / "keys" / f"{name}.key"
        return SecretStr(path.read_text("utf-8").strip() if path.exists() else "")

    @property
    def database(self) -> str:
        """SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{(self.home / 'registry.sqlite').resolve()}"

    @property
    def blobs(self) -> str:
        """obstore URL in force."""
        return self.blob_url or (self.home / "blobs").resolve().as_uri()

    @property
    def temporal(self) -> str:
        """Temporal frontend in force, host:port."""
        return self.temporal_address or f"127.0.0.1:{self.ports.temporal}"

    @property
    def opa(self) -> str:
        """OPA base URL in force."""
        return self.opa_url or f"http://127.0.0.1:{self.ports.opa}"

    @property
    def gateways(self) -> tuple[str, ...]:
        """Base URLs of the gateways in force."""
        return self.gateway_urls or (f"http://127.0.0.1:{self.ports.gateway}",)

    @property
    def engines(self) -> tuple[str, ...]:
        """Base URLs of the engines in force."""
        return self.engine.urls or (f"http://127.0.0.1:{self.ports.engine}",)
