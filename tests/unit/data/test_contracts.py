"""A contract is checked at once and whole: every fault has its line, and nothing else is read into it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from activities.data.contracts import check, load
from assay.cli.main import cli
from assay.contracts.errors import InputRefused, NotFound
from assay.contracts.sources import SourceContract, contract_schema
from examples.data.sources import TERMS

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "examples/data/contracts").glob("*.yaml"))
GOOD = """\
name: tickets
uri: var/tickets.jsonl
system: helpdesk
owner: ann@acme.example
licence: MIT
legal_basis: consent
purposes: [train-tenant-model]
consent: granted
retention_days: 30
tier: curated
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tickets.yaml"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_a_contract_by_our_check_and_by_its_schema(path: Path) -> None:
    assert load(path).to_source().name == path.stem
    jsonschema.Draft202012Validator(contract_schema()).validate(yaml.safe_load(path.read_text("utf-8")))


@pytest.mark.parametrize("name", [name for name in TERMS if name not in ("malformed", "regulated")])
def test_the_demonstration_asks_under_the_terms_of_its_contracts(name: str) -> None:
    stated = load(next(path for path in EXAMPLES if path.stem == name)).to_source()
    assert {field: getattr(stated, field) for field in TERMS[name]} == TERMS[name]


def test_changes_on_the_way_to_a_source_are_checked(file: Path) -> None:
    file.write_text(GOOD)
    digest = "sha256:" + "0" * 64
    assert load(file).to_source(sha256=digest).sha256 == digest
    with pytest.raises(ValueError, match="sha256"):
        load(file).to_source(sha256="none")


FAULTS = {
    "an unknown field": (GOOD + "colour: red\n", 11, "colour"),
    "a missing field": (GOOD.replace("licence: MIT\n", ""), 1, "licence"),
    "another value": (GOOD.replace("curated", "best"), 10, "tier"),
    "a value inside": (GOOD + "mapping:\n  columns: {instruction: 7}\n", 12, "mapping.columns.instruction"),
    "no SPDX licence": (GOOD.replace("MIT", "My own"), 5, "LICENCE_NOT_SPDX"),
    "another name than the file's": (GOOD.replace("name: tickets", "name: calls"), 1, "calls.yaml"),
    "real people without a basis": (GOOD.replace("legal_basis: consent\n", ""), 1, "legal_basis"),
    "a contract without its clause": (GOOD + "improves_shared_models: true\n", 1, "contract_clause"),
    "a regulated system without assessment": (GOOD + "regulated: true\n", 1, "dpia"),
    "a key twice": (GOOD + "tier: scraped\n", 11, "twice"),
    "an anchor": (GOOD + "a: &a [x]\nb: *a\n", 12, "anchors"),
    "a tag": (GOOD + "a: !!python/name:os.system\n", 11, "tags"),
    "no YAML": (GOOD + "a: [\n", 12, "no YAML"),
    "no object": ("- a\n", 1, ""),
    "nothing": ("", 1, ""),
    "a day that is none": (GOOD + "description: 2026-99-99\n", 1, "none that YAML knows"),
    "a query that writes": (GOOD.replace("var/tickets.jsonl", "sql:desk") + "query: DROP TABLE a\n", 11, "SQL_NOT"),
    "a table of nobody": (GOOD.replace("var/tickets.jsonl", "sql:a") + "query: SELECT b FROM a ORDER BY b\n", 1, "1"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "said"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_named_with_its_line(file: Path, text: str, line: int, said: str) -> None:
    file.write_text(text)
    checked = check(file)
    assert [fault for fault in checked.faults if fault.line == line and said in str(fault)], checked.faults
    with pytest.raises(InputRefused, match=f"line {line}"):
        load(file)


def test_all_faults_are_named_at_once_and_no_value_is_repeated(file: Path) -> None:
    file.write_text(GOOD.replace("curated", "erika@example.org").replace("30", "-3").replace("granted", "sure"))
    faults = check(file).faults
    assert [fault.field for fault in faults] == ["consent", "retention_days", "tier"]
    assert "erika" not in str(faults)


def test_rules_about_several_fields_are_named_beside_every_other_fault(file: Path) -> None:
    text = GOOD.replace("legal_basis: consent\n", "").replace("tier: curated", "tier: best").replace("MIT", "My own")
    file.write_text(text + "regulated: true\nimproves_shared_models: true\nlicense: MIT\n")
    faults = check(file).faults
    assert {fault.field for fault in faults} == {
        *("legal_basis", "contract_clause", "dpia"),
        *("tier", "licence", "license"),
    }
    assert "Value error" not in str(faults)
    assert all(fault.code and fault.remedy for fault in faults)
    assert {fault.field: fault.code for fault in faults}["licence"] == "LICENCE_NOT_SPDX"
    assert [fault.remedy for fault in faults if fault.field == "license"] == ["did you mean `licence`?"]


@pytest.mark.parametrize(("stated", "misspelt"), [("legal_basis", "legal_bassis"), ("licence", "licens")])
def test_a_misspelt_field_is_one_fault_and_not_one_that_is_missing_as_well(
    file: Path, stated: str, misspelt: str
) -> None:
    file.write_text(GOOD.replace(f"{stated}:", f"{misspelt}:"))
    [fault] = check(file).faults
    assert (fault.field, fault.remedy) == (misspelt, f"did you mean `{stated}`?")
    file.write_text(GOOD + f"{misspelt}: MIT\n")
    assert [fault.field for fault in check(file).faults] == [misspelt]


def test_a_list_with_one_wrong_item_is_not_too_short_as_well(file: Path) -> None:
    file.write_text(GOOD.replace("[train-tenant-model]", "[train]"))
    assert [fault.field for fault in check(file).faults] == ["purposes.0"]


def test_a_rule_is_not_judged_by_a_field_that_is_wrong_itself(file: Path) -> None:
    file.write_text(GOOD.replace("legal_basis: consent", "legal_basis: because"))
    assert [fault.field for fault in check(file).faults] == ["legal_basis"]


def test_rules_of_a_source_are_all_told_where_it_is_no_file(file: Path) -> None:
    file.write_text(GOOD.replace("legal_basis: consent\n", "regulated: true\n"))
    with pytest.raises(ValueError, match=r"legal_basis.*; .*dpia"):
        SourceContract.model_validate(yaml.safe_load(file.read_text("utf-8")))


UNREADABLE = {
    "an open bracket": (GOOD.encode() + b"purposes: [a\nb: c", 12, 2),
    "a tabulator": (GOOD.encode() + b"a:\n\tb: c\n", 12, 1),
    "a control character": (GOOD.encode() + b"a: \x07\n", 11, 4),
    "another encoding": (GOOD.encode() + "description: Käse".encode("latin-1"), 11, 15),
    "bytes": (bytes([0x89, 0x50, 0xFF]), 1, 1),
    "nothing": (b"", 1, None),
    "a comment": (b"# to be done\n", 1, None),
    "a word": (b"tickets", 1, None),
}


@pytest.mark.parametrize(("data", "line", "column"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_is_no_contract_at_all_is_told_with_its_place_and_a_remedy(
    file: Path, data: bytes, line: int, column: int | None
) -> None:
    file.write_bytes(data)
    ended = CliRunner().invoke(cli, ["sources", "check", str(file)])
    assert ended.exit_code == 1
    assert isinstance(ended.exception, SystemExit)
    place = f"line {line}" if column is None else f"line {line}, column {column}"
    assert f"  {place}: SOURCE_CONTRACT_MALFORMED: " in ended.output
    assert "    remedy: " in ended.output
    with pytest.raises(InputRefused, match="SOURCE_CONTRACT_MALFORMED"):
        load(file)


TAGS = {
    "a word for a bool": ("regulated: !!bool perhaps-erika", 12, 12),
    "a word for a time": ("description: !!timestamp erika", 12, 14),
    "nothing for a number": ('retries: !!int ""', 12, 10),
    "text for a list": ("purposes: !!seq erika", 12, 11),
    "one that fits": ("description: !!str erika", 12, 14),
    "one that says nothing": ("description: ! erika", 12, 14),
    "one of nobody": ("description: !erika erika", 12, 14),
    "on a list": ("systems: !!seq [erika]", 12, 10),
    "on an object": ("mapping:\n  !!map\n  a: erika", 13, 3),
    "on a key": ("!!str erika: 1", 12, 1),
    "written out": ("description: !<tag:yaml.org,2002:int> erika", 12, 14),
}


@pytest.mark.parametrize(("text", "line", "column"), TAGS.values(), ids=TAGS.keys())
def test_no_tag_is_read_and_the_other_files_are_looked_at(file: Path, text: str, line: int, column: int) -> None:
    file.write_text(f"{GOOD}# who was asked\n{text}\n")
    other = file.with_name("calls.yaml")
    other.write_text(GOOD.replace("name: tickets", "name: calls"))
    ended = CliRunner().invoke(cli, ["sources", "check", str(file), str(other)])
    assert ended.exit_code == 1
    assert isinstance(ended.exception, SystemExit)
    assert f"  line {line}, column {column}: SOURCE_CONTRACT_MALFORMED: tags are not read" in ended.output
    assert f"{other}: ok" in ended.output
    assert "erika" not in ended.output


@pytest.mark.parametrize("value", ["1" + ":00" * 200 + ".0", "2026-13-01", "0b_", "0000-01-01", "=", "<<"])
def test_what_only_looks_like_a_number_or_a_date_is_told(file: Path, value: str) -> None:
    file.write_text(f"{GOOD}description: {value}\n")
    [fault] = check(file).faults
    assert (fault.code, fault.what) == ("SOURCE_CONTRACT_MALFORMED", "a value is none that YAML knows")


def test_a_folder_or_a_missing_file_hides_no_fault_of_the_others(file: Path) -> None:
    file.write_text(GOOD + "colour: red\n")
    missing = file.with_name("calls.yaml")
    ended = CliRunner().invoke(cli, ["sources", "check", str(file.parent), str(missing), str(file)])
    assert ended.exit_code == 1
    assert "SOURCE_CONTRACT_MALFORMED: it is a folder" in ended.output
    assert "SOURCE_CONTRACT_MISSING" in ended.output
    assert "line 11: colour: SOURCE_CONTRACT_MALFORMED: there is no such field" in ended.output


def test_a_password_in_a_contract_is_refused(file: Path) -> None:
    file.write_text(GOOD.replace("var/tickets.jsonl", "postgresql://ann:hidden@db/x") + "query: SELECT 1 ORDER BY 1\n")
    assert "holds a password" in str(check(file).faults)
    assert "hidden" not in str(check(file).faults)


def test_the_command_names_every_fault_and_exits_with_one(file: Path) -> None:
    file.write_text(GOOD)
    assert CliRunner().invoke(cli, ["sources", "check", str(file)]).output == f"{file}: ok\n"
    file.write_text(GOOD + "colour: red\n")
    refused = CliRunner().invoke(cli, ["sources", "check", str(file)])
    assert refused.exit_code == 1
    assert "line 11: colour" in refused.output
    as_json = CliRunner().invoke(cli, ["sources", "check", "--json", str(file)])
    assert json.loads(as_json.output)[str(file)][0]["line"] == 11


def test_a_contract_that_is_not_there_is_said_to_be_missing(file: Path) -> None:
    with pytest.raises(NotFound, match="cannot be read"):
        check(file)


def test_the_schema_is_printed(file: Path) -> None:
    schema = json.loads(CliRunner().invoke(cli, ["sources", "schema"]).output)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert "legal_basis" in schema["properties"]
