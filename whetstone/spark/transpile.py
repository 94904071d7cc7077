"""DuckDB SQL as Spark SQL of the same meaning (nothing is run here).

sqlglot reads and writes the SQL. Each expression stays with Spark where Spark gives equal values
for all input; the largest part around what it does otherwise goes to a kernel, which the workers
compute with DuckDB (`whetstone.spark.kernels`). `whetstone.spark.portable` says which function
goes which way.

A SELECT that aggregates is taken apart first: an inner one does nothing but group and aggregate,
an outer one computes the rest from what comes out. So each SELECT needs one kernel at most.
"""

# sqlglot's nodes hold what they like.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportPrivateImportUsage=false

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from whetstone.errors import EngineError
from whetstone.spark.aggregates import Units, aggregate, aggregate_name
from whetstone.spark.dialect import Definitions, called, duckdb_sql
from whetstone.spark.expressions import KERNELS, ForeignError, Rows
from whetstone.spark.kernels import Kernel
from whetstone.spark.types import NoTypeError, named
from whetstone.sql import identifier

_PARTS = {"with_", "expressions", "from_", "where", "group", "kind"}


@dataclass(frozen=True)
class Transpiled:
    """A query for Spark.

    Attributes:
        sql: Spark SQL; calls the kernels by name.
        kernels: the kernels that must be registered first.
        columns: names and DuckDB types of what the query gives, in order.
    """

    sql: str
    kernels: Sequence[Kernel]
    columns: Mapping[str, str]


def transpile(sql: str, tables: Mapping[str, Mapping[str, str]]) -> Transpiled:
    """Turn a DuckDB query into a Spark query of the same meaning.

    Args:
        sql: a SELECT over the tables, with CTEs, WHERE and GROUP BY.
        tables: the DuckDB types of the columns, by table and column.

    Raises:
        EngineError: something in it has no counterpart; the message says what.
    """
    try:
        tree = parse_one(sql, dialect=Definitions)
    except SqlglotError as error:
        raise EngineError(f"sqlglot cannot read this SQL for Spark: {error}") from error
    with duckdb.connect(config={"enable_external_access": False}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        queries = _Queries(connection)
        for table, columns in tables.items():
            queries.add(table, columns)
        relation = connection.sql(sql)
        columns = dict(zip(relation.columns, map(str, relation.types), strict=True))
        try:
            query = queries.converted(tree)
        except (ForeignError, NoTypeError) as error:
            raise EngineError(
                f"{error} has no counterpart on Spark; rewrite the definition, or use engine duckdb"
            ) from error
    return Transpiled(query.sql("spark"), list(queries.kernels.values()), columns)


class _Queries:
    """Converts queries; knows the types of all relations that they name."""

    def __init__(self, connection: duckdb.DuckDBPyConnection):
        self._connection = connection
        self._units = 0
        self.kernels: dict[str, Kernel] = {}

    def add(self, table: str, columns: Mapping[str, str]) -> None:
        """An empty table: it has types, and nothing to compute when it is looked at."""
        listed = ", ".join(f"{identifier(name)} {named(t)}" for name, t in columns.items())
        self._connection.execute(f"CREATE TABLE {identifier(table)} ({listed})")

    def converted(self, tree: exp.Expr) -> exp.Select:
        """A SELECT with its CTEs for Spark."""
        if not isinstance(tree, exp.Select):
            raise ForeignError(type(tree).__name__.upper())
        if unknown := [name for name in tree.args if tree.args[name] and name not in _PARTS]:
            raise ForeignError(f"{unknown[0].strip('_').upper()} in a query")
        with_ = tree.args.get("with_")
        ctes: list[exp.Expr] = []
        for cte in with_.expressions if with_ else []:
            ctes.append(cte.copy())
            ctes[-1].set("this", self.converted(cte.this))
            self._add_query(cte.alias, cte.this)
        bare = tree.copy()
        bare.set("with_", None)
        grouped = bare.args.get("group") or any(map(aggregate_name, bare.walk()))
        done = self._of_units(bare) if grouped else self._of_rows(bare)
        if with_:
            done.set("with_", exp.With(expressions=ctes))
        return done

    def _add_query(self, name: str, query: exp.Expr) -> None:
        relation = self._connection.sql(duckdb_sql(query))
        self.add(name, dict(zip(relation.columns, map(str, relation.types), strict=True)))

    def _of_rows(self, tree: exp.Select) -> exp.Select:
        def selected(rows: Rows) -> list[exp.Expr]:
            return [
                exp.alias_(rows.convert(e.unalias()), e.alias_or_name, quoted=True)
                for e in _listed(tree, rows)
            ]

        return self._select(tree, selected)

    def _of_units(self, tree: exp.Select) -> exp.Select:
        """A SELECT that aggregates: the rest of it over the units that an inner one makes."""
        units = Units(tree)
        self._units += 1
        name = f"units_{self._units}"
        self._add_query(name, units.inner)

        def made(rows: Rows) -> list[exp.Expr]:
            return [
                exp.alias_(
                    aggregate(rows, e.unalias()) or rows.convert(e.unalias()), e.alias, quoted=True
                )
                for e in units.inner.expressions
            ]

        inner = self._select(units.inner, made)
        outer = self._of_rows(units.outer(name))
        source = next(table for table in outer.find_all(exp.Table) if table.name == name)
        source.replace(inner.subquery(name))
        return outer

    def _select(self, tree: exp.Select, select: Callable[[Rows], list[exp.Expr]]) -> exp.Select:
        """A SELECT over one relation, with a column of what its kernel computes, if it has one."""
        source = tree.args["from_"].this
        if not isinstance(source, exp.Table) or source.args.get("joins"):
            raise ForeignError("a query over more than one relation")
        rows = Rows(self._connection, duckdb_sql(source))
        expressions = select(rows)
        group = tree.args.get("group")
        by = [rows.convert(expression) for expression in group.expressions] if group else []
        where = tree.args.get("where")
        condition = rows.convert(where.this) if where else None
        done = exp.select(*expressions).from_(source.copy())
        kernel, arguments = rows.kernel()
        if kernel is not None:
            self.kernels[kernel.name] = kernel
            computed = exp.alias_(called(kernel.name, arguments), KERNELS, quoted=True)
            under = exp.select(exp.Star(), computed).from_(source.copy())
            if condition is not None and not _reads_kernels(condition):
                under, condition = under.where(condition), None
            done = exp.select(*expressions).from_(under.subquery(source.name))
        if condition is not None:
            done = done.where(condition)
        if by:
            done.set("group", exp.Group(expressions=by))
        return done


def _listed(tree: exp.Select, rows: Rows) -> Iterator[exp.Expr]:
    """The selected expressions, `*` written out."""
    for expression in tree.expressions:
        if not isinstance(expression, exp.Star):
            yield expression
            continue
        if expression.args.get("replace") or expression.args.get("rename"):
            raise ForeignError("* with REPLACE")
        excluded = {e.name for e in expression.args.get("except_") or []}
        for name in rows.columns:
            if name not in excluded:
                yield exp.column(name, quoted=True)


def _reads_kernels(condition: exp.Expr) -> bool:
    return any(column.table == KERNELS for column in condition.find_all(exp.Column))
