"""Entry point: lazy commands, typed errors as sentences, exit codes 0 done, 1 refused or failed, 2 wrong usage."""

from __future__ import annotations

import errno
import importlib
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from assay import __version__
from assay.contracts.errors import AssayError, InputRefused, NotFound

if TYPE_CHECKING:
    from assay.contracts.base import Message
    from assay.settings import Settings

Said = TypeVar("Said", bound="Message")

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "up": ("assay.cli.local", "Start the local stack; what runs already is left alone."),
    "prepare": ("assay.cli.local", "Make keys, base model, record and policy bundle, and start nothing."),
    "down": ("assay.cli.local", "Stop the local stack."),
    "stop": ("assay.cli.local", "Stop one process and leave it stopped."),
    "start": ("assay.cli.local", "Start one process that was stopped."),
    "status": ("assay.cli.local", "Show every process and where to find it."),
    "logs": ("assay.cli.local", "Show the log of one process."),
    "doctor": ("assay.cli.local", "Look at this machine; each finding has its remedy."),
    "settings": ("assay.cli.configuration", "Print every setting and where its value comes from."),
    "keys": ("assay.cli.access", "API keys of tenants."),
    "models": ("assay.cli.records", "Registered versions and where their pointers stand."),
    "runs": ("assay.cli.records", "Training runs, finished and failed; `--where` searches them."),
    "routes": ("assay.cli.records", "The route table in force."),
    "incidents": ("assay.cli.records", "Rollbacks that wait for their root cause."),
    "root-cause": ("assay.cli.records", "Close an incident whose rollout has ended."),
    "decisions": ("assay.cli.records", "Decisions of the gates about a digest."),
    "lineage": ("assay.cli.records", "What a digest was made from, and what was made from it."),
    "data": ("assay.cli.data", "Rows and datasets: a list, a sheet, a difference, a mix, why a row is there."),
    "sources": ("assay.cli.sources", "Contracts of sources: check them, print their schema."),
    "dpia": ("assay.cli.dpia", "Signed assessments of regulated systems."),
    "retention": ("assay.cli.retention", "Until when rows are kept, and what became of them."),
    "show": ("assay.cli.records", "Print a stored document (a card, a diff, a report) by its digest."),
    "evidence": ("assay.cli.evidence", "Export what anybody needs to check a version without Assay."),
    "erase": ("assay.cli.erase", "Remove a person's rows and all that was made from them, with a receipt."),
    "suppression": ("assay.cli.suppression", "Persons whose rows intake refuses, until they agree again."),
    "hold": ("assay.cli.holds", "Legal holds, which stop destruction."),
    "demo": ("assay.cli.demonstration", "The life of a model, once around, on real parts."),
}


WITHOUT_HOME: Final = frozenset({"up", "prepare", "demo", "doctor", "settings", "sources"})
"""What makes an installation, or has no use for one. The others would take any folder for an empty one."""

LOCAL: Final = frozenset({"down", "stop", "start", "status", "logs"})
"""What is about the processes of a home, wherever its record may be."""


OUTPUT: Final = "assay.output"
"""Under this name a command's context holds the path that it writes to."""


class OutputPath(click.Path):
    """A path that the command writes to. What goes wrong there is a sentence, and no bug."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """As `click.Path`, and known to `LazyGroup.invoke`."""
        path = super().convert(value, param, ctx)
        if ctx is not None:
            ctx.meta[OUTPUT] = path
        return path


def _of_output(error: OSError, out: Path | None) -> InputRefused | None:
    """What an error says of the path that a command writes to; None when it is about something else."""
    if out is None:
        return None
    wanted = out.absolute()
    for name in (error.filename, error.filename2):
        named = Path(os.fsdecode(name)).absolute() if isinstance(name, (str, bytes, os.PathLike)) else None
        if named and (named == wanted or wanted in named.parents or named in wanted.parents):
            break
    else:
        if error.filename is not None or error.errno not in FULL:
            return None
    return InputRefused(
        "OUTPUT_UNWRITABLE",
        f"{out} cannot be written: {error.strerror or type(error).__name__}",
        "name a path in a folder that exists, has space, and is yours to write to",
    )


FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a write that was begun can end with; such an error names no file."""


class LazyGroup(click.Group):
    """Knows its commands by name and help; imports a command's module when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """In the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load one command. Raises NotFound (`PART_NOT_INSTALLED`) where only the light package is installed."""
        if cmd_name not in COMMANDS:
            return None
        try:
            command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name.replace("-", "_"))
        except ModuleNotFoundError as error:
            raise NotFound(
                "PART_NOT_INSTALLED",
                f"`assay {cmd_name}` needs {error.name}, which is not installed here",
                "run it from a checkout after `make setup`; the package alone has contracts and client",
            ) from error
        return command

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  # whatever a command returns
        """Run one command. Raises InputRefused (`OUTPUT_UNWRITABLE`) where what it makes cannot be written."""
        try:
            return super().invoke(ctx)
        except OSError as error:
            if problem := _of_output(error, ctx.meta.get(OUTPUT)):
                raise problem from error
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The overview, without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="assay")
def cli() -> None:
    """Assay: a language model's life, from governed data to production and back, provably."""


def main() -> None:
    """Run the command line; a typed error ends as code, sentence and remedy on standard error, exit code 1."""
    try:
        cli()
    except AssayError as error:
        if os.environ.get("ASSAY_LOG_FORMAT") == "json":
            _log(error)
            sys.exit(1)
        click.echo(click.style(error.code, fg="red", bold=True) + f": {error.message}", err=True)
        click.echo(f"remedy: {error.remedy}", err=True)
        sys.exit(1)


def _log(error: AssayError) -> None:
    """The same as one line of the log."""
    from assay.telemetry.logs import configure_logs

    configure_logs("error", "assay-cli", "json")
    logging.getLogger("assay.cli").error(error.message, extra={"code": error.code, "remedy": error.remedy})


def settings_in_force() -> Settings:
    """Settings from environment, `.env` and defaults.

    Raises InputRefused (`SETTING_INVALID`) that names each wrong variable, never its value: it may be a secret;
    NotFound (`HOME_UNKNOWN`) where the command needs an installation and there is none.
    """
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from assay.settings import Settings

    try:
        settings = Settings()
    except ValidationError as error:
        wrong = [f"ASSAY_{'__'.join(str(part) for part in e['loc']).upper()}: {e['msg']}" for e in error.errors()]
    except SettingsError as error:
        wrong = [str(error)]
    else:
        _refuse_no_home(settings)
        _traced(settings)
        return settings
    raise InputRefused("SETTING_INVALID", "; ".join(wrong), "correct it in the environment or in .env")


def _refuse_no_home(settings: Settings) -> None:
    context = click.get_current_context(silent=True)
    command = context.find_root().invoked_subcommand if context else None
    if command is None or command in WITHOUT_HOME or settings.home.is_dir():
        return
    if settings.database_url and command not in LOCAL:
        return  # a record elsewhere needs no folder here
    raise NotFound(
        "HOME_UNKNOWN",
        f"there is no installation in {settings.home.resolve()}, which ASSAY_HOME names (default: var, where you are)",
        "go to the folder where `assay up` was typed, or set ASSAY_HOME; `assay up` makes a new one here",
    )


def _traced(settings: Settings) -> None:
    """From here to its end the running command is a span, under the trace of whoever started it (`TRACEPARENT`)."""
    context = click.get_current_context(silent=True)
    if settings.otlp_endpoint is None or context is None:
        return
    from assay.telemetry import traces

    traces.configure_traces(settings, "assay-cli")
    context.call_on_close(traces.flush_traces)
    context.with_resource(traces.span(context.command_path, parent=traces.from_parent()))


def message(kind: type[Said], **fields: Any) -> Said:  # noqa: ANN401  # any field of a message
    """A message of what somebody typed.

    Raises InputRefused (`ARGUMENT_MALFORMED`), which names the fields and repeats no value: it may be a person's.
    """
    from pydantic import ValidationError

    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        said = [(".".join(map(str, one["loc"])) or "all", one["msg"]) for one in error.errors()[:5]]
        wrong = "; ".join(f"{field}: {what.removeprefix('Value error, ')}" for field, what in said)
    raise InputRefused("ARGUMENT_MALFORMED", wrong, "correct what it names, and try again")


def as_json(value: Any) -> None:  # noqa: ANN401  # anything JSON can say
    """Print one JSON document."""
    click.echo(json.dumps(value, indent=2, default=str))


json_option = click.option("--json", "as_json_", is_flag=True, help="One JSON document instead of a table.")
