"""An S3 server of the tests' own: versitygw on a loopback port, its objects in a folder that goes away with it."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stack.ports import free_ports

LOCAL = Path(__file__).parents[2] / ".tools" / "bin" / "versitygw"
MISSING = (
    "versitygw, the S3 server of the tests, is not here. Run `scripts/setup tests`, which builds it with Go, "
    "or name a binary in ASSAY_TEST_VERSITYGW."
)
REGION, KEY, SECRET = "us-east-1", "assay-tests", "not-a-secret-of-anybody"


def find_versitygw() -> Path:
    """The binary named in ASSAY_TEST_VERSITYGW, else the project's own, else the one on PATH.

    Raises RuntimeError, which says how to get it.
    """
    named = os.environ.get("ASSAY_TEST_VERSITYGW")
    found = [Path(named)] if named else [LOCAL, Path(shutil.which("versitygw") or "/nonexistent")]
    for binary in found:
        if binary.exists():
            return binary
    raise RuntimeError(MISSING)


@dataclass(frozen=True)
class Server:
    """A running server with one bucket, `assay`."""

    folder: Path
    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs beside ASSAY_BLOB_URL, in the words of the cloud's own tools."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }

    def url(self) -> str:
        """A fresh place in the bucket, as ASSAY_BLOB_URL."""
        return f"s3://assay/{uuid.uuid4().hex}"

    def folder_of(self, url: str) -> Path:
        """Where the objects of such a place stand on disk: what somebody with access to the disks could change."""
        return self.folder / "buckets" / url.removeprefix("s3://")


@contextmanager
def running_s3() -> Iterator[Server]:
    """Start a server, make the bucket, and stop that server by its pid."""
    folder = Path(tempfile.mkdtemp(prefix="assay-s3-"))
    for name in ("buckets", "attributes"):
        (folder / name).mkdir()
    (port,) = free_ports(1)
    # Attributes in files beside the objects: a temporary folder's file system may know no extended ones.
    where = ["posix", "--sidecar", str(folder / "attributes"), str(folder / "buckets")]
    command = [str(find_versitygw()), "--port", f"127.0.0.1:{port}", "--region", REGION, "--quiet", *where]
    secrets = {"ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | secrets, stdout=log, stderr=log, cwd=folder)
    try:
        server = Server(folder, f"http://127.0.0.1:{port}")
        _make_bucket(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=60)
        shutil.rmtree(folder)


def _make_bucket(server: Server, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        try:
            with urllib.request.urlopen(_signed_put(server.endpoint, "/assay"), timeout=10):
                return
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error
        except OSError:
            assert process.poll() is None, (server.folder / "log").read_text()
            time.sleep(0.05)
    raise AssertionError((server.folder / "log").read_text())


def _signed_put(endpoint: str, path: str) -> urllib.request.Request:
    """An empty PUT, signed by AWS Signature Version 4: obstore stores objects, and makes no buckets."""
    moment = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    day, empty = moment[:8], hashlib.sha256(b"").hexdigest()
    headers = {"host": endpoint.removeprefix("http://"), "x-amz-content-sha256": empty, "x-amz-date": moment}
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    asked = hashlib.sha256(f"PUT\n{path}\n\n{lines}\n{names}\n{empty}".encode()).hexdigest()
    key, scope = f"AWS4{SECRET}".encode(), (day, REGION, "s3", "aws4_request")
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{moment}\n{'/'.join(scope)}\n{asked}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    said = f"AWS4-HMAC-SHA256 Credential={KEY}/{'/'.join(scope)}, SignedHeaders={names}, Signature={signature}"
    return urllib.request.Request(endpoint + path, method="PUT", headers={**headers, "authorization": said})
