"""Croissant 1.0 (MLCommons): a dataset described for other people's tools, and such descriptions read.

    written     of every sealed dataset, from its manifest alone: the same manifest gives the same description
    drafted     what a description says of a source: where its files are, their digests, columns and licence

Nothing is fetched: a JSON-LD context is looked up here, not on the network, and a URL is never followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from activities.data.ledger import SHARD
from activities.data.licences import normalise
from activities.data.strict_json import from_json
from assay.contracts.data import Format
from assay.contracts.errors import InputRefused

CONFORMS_TO: Final = "http://mlcommons.org/croissant/1.0"
SEALED: Final = "urn:assay:dataset:"
SPDX: Final = "https://spdx.org/licenses/"
PARQUET: Final = "application/x-parquet"
FORMATS: Final[dict[str, Format]] = {
    "application/jsonlines": "jsonl",
    "application/jsonl": "jsonl",
    "application/x-ndjson": "jsonl",
    "text/csv": "csv",
    "text/tab-separated-values": "csv",
    PARQUET: "parquet",
    "application/vnd.apache.parquet": "parquet",
}
LARGEST_BYTES: Final = 16 << 20
TYPES: Final = {"string": "sc:Text", "int32": "sc:Integer", "int64": "sc:Integer"}
_JSON: Final = {"@type": "@json"}
_TERMS: Final = (
    "citeAs column conformsTo equivalentProperty extract field fileProperty fileObject fileSet format includes "
    "isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated replace samplingRate "
    "separator source subField transform"
)
CONTEXT: Final[dict[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    "data": {"@id": "cr:data", **_JSON},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", **_JSON},
    **{term: f"cr:{term}" for term in _TERMS.split(" ") if term != "conformsTo"},
    "conformsTo": "dct:conformsTo",
}


def written(manifest: Mapping[str, Any], dataset: str, published: str | None = None) -> dict[str, Any]:
    """The description of a sealed dataset. `dataset` is its id; `published` a date, which no manifest has."""
    name = f"{manifest['tenant']}-{manifest['dataset']}"
    shards = list(enumerate(manifest["shards"]))
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "@id": dataset,
        "name": name,
        "description": _sentence(manifest),
        "version": f"{manifest['version']}.0.0",
        "url": f"{SEALED}{dataset}",
        "license": [_licence_url(one) for one in manifest["licences"]],
        "creator": {"@type": "sc:Organization", "name": manifest["tenant"]},
        **({"datePublished": published} if published else {}),
        "isLiveDataset": False,
        "citeAs": f"{name} version {manifest['version']}, {dataset}",
        "isBasedOn": [source["sha256"] for source in manifest["sources"]],
        "rai:dataUseCases": manifest["purpose"],
        "rai:dataCollection": "; ".join(_collected(source) for source in manifest["sources"]),
        "rai:personalSensitiveInformation": "Every row was scanned; the ledger has kinds and counts of findings.",
        "distribution": [_file(number, shard) for number, shard in shards],
        "recordSet": [_records(number, shard) for number, shard in shards],
    }


def _sentence(manifest: Mapping[str, Any]) -> str:
    counts = manifest["counts"]
    return (
        f"{counts['accepted']} of {counts['read']} rows of {len(manifest['sources'])} sources, governed and sealed; "
        f"{manifest['synthetic_share']:.1%} of them are from synthetic sources. Shards are Parquet and kept encrypted."
    )


def _collected(source: Mapping[str, Any]) -> str:
    return f"{source['name']} from {source['system']} ({source['tier']}, {source['licence']})"


def _licence_url(name: str) -> str:
    return name if name.startswith(("LicenseRef-", "DocumentRef-")) else f"{SPDX}{name}.html"


def _file(number: int, shard: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": f"shard-{number}",
        "name": f"shard-{number}.parquet",
        "description": f"{shard['rows']} rows of source {shard['source']}",
        "contentUrl": shard["uri"],
        "encodingFormat": PARQUET,
        "sha256": shard["sha256"].removeprefix("sha256:"),
    }


def _records(number: int, shard: Mapping[str, Any]) -> dict[str, Any]:
    name = f"rows-{number}"
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"Rows of source {shard['source']}; messages, tools and rejected answers are JSON text.",
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column.name}",
                "name": f"{name}/{column.name}",
                "dataType": TYPES[str(column.type)],
                "source": {"fileObject": {"@id": f"shard-{number}"}, "extract": {"column": column.name}},
            }
            for column in SHARD
        ],
    }


@dataclass(frozen=True)
class Draft:
    """What a description says of one file: the rest of a contract is for its owner to state."""

    name: str
    uri: str
    format: Format
    sha256: str | None
    licence: str | None
    columns: tuple[str, ...]


def drafted(text: str) -> tuple[Draft, ...]:
    """Every file that rows are read from, in order.

    Raises InputRefused (`CROISSANT_MALFORMED`, `CROISSANT_OF_SEALED`).
    """
    try:
        described = from_json(text) if len(text) <= LARGEST_BYTES else None
    except ValueError as error:
        raise _malformed(str(error)) from None
    if not isinstance(described, dict):
        raise _malformed("it is no JSON object, or far too long")
    if not str(described.get("conformsTo", "")).startswith("http://mlcommons.org/croissant/1."):
        raise _malformed("it does not say that it conforms to Croissant 1")
    if (one := str(described.get("url", ""))).startswith(SEALED):
        raise InputRefused(
            "CROISSANT_OF_SEALED",
            f"this describes a sealed dataset, {one.removeprefix(SEALED)}: its files are encrypted, and no source",
            "train on the dataset by its digest, or draft from the description of the source that its rows came from",
        )
    found = tuple(_drafts(described))
    if not found:
        raise _malformed("no record set is read from a JSONL, CSV or Parquet file")
    return found


def _drafts(described: Mapping[str, Any]) -> Iterator[Draft]:
    columns = _columns(described)
    licence = _licence(described.get("license"))
    for file in _objects(described.get("distribution"), "FileObject"):
        form, digest = FORMATS.get(str(file.get("encodingFormat", ""))), file.get("sha256")
        if form is None or file.get("@id") not in columns:
            continue
        yield Draft(
            name=_slug(str(file.get("name") or file["@id"])),
            uri=_uri(file.get("contentUrl")),
            format=form,
            sha256=f"sha256:{digest}" if isinstance(digest, str) else None,
            licence=licence,
            columns=tuple(dict.fromkeys(columns[file["@id"]])),
        )


def _columns(described: Mapping[str, Any]) -> dict[Any, list[str]]:
    """Columns by the file that they are extracted from."""
    found: dict[Any, list[str]] = {}
    for records in _objects(described.get("recordSet"), "RecordSet"):
        for field in _objects(records.get("field"), "Field"):
            source = field.get("source")
            extract, file = (source.get("extract"), source.get("fileObject")) if isinstance(source, dict) else (0, 0)
            if isinstance(extract, dict) and isinstance(file, dict):
                column = extract.get("column") or str(extract.get("jsonPath", "")).removeprefix("$.")
                found.setdefault(file.get("@id"), []).append(str(column))
    return found


def _objects(value: object, kind: str) -> list[dict[str, Any]]:
    listed = value if isinstance(value, list) else [value]
    return [
        one
        for one in listed
        if isinstance(one, dict) and str(one.get("@type", "")).rpartition(":")[2].rpartition("/")[2] == kind
    ]


def _licence(stated: object) -> str | None:
    """An SPDX expression, when each licence has the URL or the name that SPDX knows it by."""
    listed = stated if isinstance(stated, list) else [stated]
    names = [one.removeprefix(SPDX).removesuffix(".html") for one in listed if isinstance(one, str)]
    try:
        return normalise(" AND ".join(f"({name})" for name in names)).expression if names else None
    except InputRefused:
        return None


def _uri(stated: object) -> str:
    """A path below the description, or a URL. Raises InputRefused (`CROISSANT_MALFORMED`)."""
    uri = str(stated or "")
    if not uri or ("://" not in uri and (uri.startswith("/") or ".." in PurePosixPath(uri).parts)):
        raise _malformed("a file has no `contentUrl`, or one that leads out of the description's own folder")
    return uri


def _slug(name: str) -> str:
    stem = name.lower().partition(".")[0]
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in stem).strip("-")[:63].rstrip("-") or "source"


def _malformed(what: str) -> InputRefused:
    return InputRefused(
        "CROISSANT_MALFORMED",
        f"this is no Croissant description that can be read: {what}",
        "see docs/sources.md for what is read of one",
    )
