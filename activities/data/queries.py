"""One SELECT, and which tables it reads. What was looked at is what is run: the statement is written anew.

So a comment that one database runs and another skips does not count. Functions that are not known may read tables that
nobody named (`dblink`, `query_to_xml`): they are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers

from assay.contracts.errors import InputRefused

DIALECTS: Final = {
    "postgresql": "postgres",
    "cockroachdb": "postgres",
    "sqlite": "sqlite",
    "mysql": "mysql",
    "mariadb": "mysql",
    "mssql": "tsql",
    "oracle": "oracle",
    "snowflake": "snowflake",
    "bigquery": "bigquery",
    "redshift": "redshift",
    "trino": "trino",
    "duckdb": "duckdb",
    "clickhouse": "clickhouse",
    "databricks": "databricks",
}
"""Names that SQLAlchemy has for databases, and those that the parser has."""
WRITES: Final = (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Lock, exp.Pragma, exp.Set, exp.Transaction)
READS_NOTHING: Final = frozenset(
    {
        *("instr", "printf", "format", "hex", "quote", "total", "iif", "unixepoch", "julianday", "strftime"),
        *("to_json", "to_jsonb", "row_to_json", "json", "json_array", "json_object", "json_agg", "jsonb_agg"),
        *("json_object_agg", "jsonb_object_agg", "json_build_object", "jsonb_build_object"),
        *("json_build_array", "jsonb_build_array", "json_group_array", "json_group_object", "json_type"),
        *("json_valid", "concat_ws", "left", "right", "to_char", "age"),
    }
)
"""Functions that the parser has no class for, and that compute from their arguments alone."""
MANY_VIEWS: Final = 100


@dataclass(frozen=True)
class Query:
    """`text` is what to run; `tables` are all that it reads, as `schema.table`, sorted."""

    text: str
    tables: tuple[str, ...]


def understood(text: str, database: str, *, ordered: bool = True) -> Query:
    """A single SELECT of one of `DIALECTS`, with the order that makes it repeatable unless that is not asked for.

    Raises InputRefused (`SQL_DIALECT_UNKNOWN`, `SQL_NOT_A_SELECT`, `SQL_FUNCTION_UNKNOWN`, `SQL_UNORDERED`).
    """
    dialect = DIALECTS.get(database)
    if dialect is None:
        raise InputRefused(
            "SQL_DIALECT_UNKNOWN", f"nothing is known of {database} queries", "export the rows as JSONL or Parquet"
        )
    tree = _parsed(text, dialect)
    _refuse_functions(tree)
    if ordered and not tree.args.get("order"):
        raise InputRefused(
            "SQL_UNORDERED",
            "a query without ORDER BY may give its rows in another order each time",
            "order by a key that is unique",
        )
    names = {_name(table) for table in tree.find_all(exp.Table) if not _is_common(table)}
    return Query(tree.sql(dialect, comments=False), tuple(sorted(names)))


def _parsed(text: str, dialect: str) -> exp.Expr:
    try:
        trees = [tree for tree in sqlglot.parse(text, read=dialect) if tree is not None]
        tree = normalize_identifiers(trees[0], dialect=dialect) if len(trees) == 1 else None
    except (SqlglotError, RecursionError):
        raise _no_select() from None  # its message repeats the query
    if isinstance(tree, exp.Create) and tree.kind == "VIEW":
        tree = tree.expression  # what a database says of a view
    if not isinstance(tree, (exp.Select, exp.SetOperation)) or any(tree.find_all(*WRITES)):
        raise _no_select()
    return tree


def _refuse_functions(tree: exp.Expr) -> None:
    unknown = [one for one in tree.find_all(exp.Anonymous) if one.name.lower() not in READS_NOTHING]
    # A function in the place of a table is one that reads something.
    if unknown or any(not isinstance(table.this, exp.Identifier) for table in tree.find_all(exp.Table)):
        raise InputRefused(
            "SQL_FUNCTION_UNKNOWN",
            "the query calls a function that may read tables it does not name",
            "do without it, or export the rows as JSONL or Parquet",
        )


def _name(table: exp.Table) -> str:
    return ".".join(part.name for part in table.parts)


def _is_common(table: exp.Table) -> bool:
    """Whether the name is that of a common table expression which is visible where it stands."""
    node: exp.Expr = table
    while not table.db and (parent := node.parent):
        if isinstance(parent, exp.With):
            seen = parent.expressions if parent.recursive else parent.expressions[: _index(parent, node)]
            # Past the query that holds this WITH: its later names are not visible from within.
            node = parent.parent or parent
        else:
            seen = with_.expressions if (with_ := parent.args.get("with_")) else []
            node = parent
        if any(one.alias == table.name for one in seen):
            return True
    return False


def _index(parent: exp.With, node: exp.Expr) -> int:
    return next(i for i, one in enumerate(parent.expressions) if one is node)


def _no_select() -> InputRefused:
    return InputRefused(
        "SQL_NOT_A_SELECT",
        "the query is not one SELECT that writes nothing and locks nothing",
        "state one SELECT, with common table expressions if need be",
    )
