"""DuckDB's SQL as definitions use it, read and written by sqlglot without any change of meaning."""

# sqlglot's nodes hold what they like.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportPrivateImportUsage=false

from collections.abc import Callable
from typing import Any, cast

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB

# Functions whose arguments are no list of expressions.
_SYNTAX = {"CAST", "TRY_CAST", "EXTRACT", "TRIM", "SUBSTRING", "POSITION"}


class Definitions(DuckDB):
    """DuckDB's dialect with every function left as it is written.

    sqlglot would turn functions that it knows into nodes of its own, and write some of them back
    as another function.
    """

    class Parser(DuckDB.Parser):  # noqa: D106  # pyright: ignore[reportIncompatibleVariableOverride]
        FUNCTIONS = {}  # noqa: RUF012
        # Without this, list(x)[1] would be read as a list of one.
        ARRAY_CONSTRUCTORS = {"ARRAY": exp.Array}  # noqa: RUF012
        FUNCTION_PARSERS = {  # noqa: RUF012
            name: parser
            for name, parser in DuckDB.Parser.FUNCTION_PARSERS.items()
            if name in _SYNTAX
        }


def duckdb_sql(node: exp.Expr) -> str:
    """The SQL of a node for DuckDB."""
    return node.sql(Definitions)


def operands(node: exp.Expr) -> list[exp.Expr]:
    """The values that a node works upon, in order; types are none."""
    return [child for child in node.iter_expressions() if not isinstance(child, exp.DataType)]


def rebuilt(node: exp.Expr, convert: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    """The same node over converted operands."""

    def of(value: Any) -> Any:
        if isinstance(value, list):
            return [of(each) for each in cast(list[Any], value)]
        if isinstance(value, exp.DataType) or not isinstance(value, exp.Expr):
            return value.copy() if isinstance(value, exp.DataType) else value
        return convert(value)

    return type(node)(**{name: of(value) for name, value in node.args.items()})


def called(name: str, arguments: list[exp.Expr]) -> exp.Expr:
    """The call of a function."""
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


def cast_to(value: exp.Expr, type_: str) -> exp.Expr:
    """A cast to a type of Spark."""
    return exp.Cast(this=value.copy(), to=exp.DataType.build(type_, dialect="spark"))
