"""Expressions over the rows of one relation, for Spark.

What may fail under TRY, or behind a condition, goes to the kernel as a whole: kernels are computed
for all rows, and only inside them an error ends where DuckDB lets it end.
"""

# sqlglot's nodes hold what they like.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportPrivateImportUsage=false

from collections.abc import Generator, Sequence
from contextlib import contextmanager

import duckdb
from duckdb.sqltypes import DuckDBPyType
from sqlglot import exp

from whetstone.spark.dialect import called, cast_to, duckdb_sql, operands, rebuilt
from whetstone.spark.kernels import Kernel
from whetstone.spark.portable import PORTABILITY, Way
from whetstone.spark.types import NoTypeError, carried_type, is_json, spark_type

# The column of what the kernel of a SELECT computes; no definition can name it.
KERNELS = "_kernels"
INTEGERS = frozenset(("tinyint", "smallint", "integer", "bigint"))
COMPARABLE = frozenset(
    ("varchar", "boolean", "date", "timestamp", "timestamp with time zone", "double")
)
_SIZES = ["tinyint", "smallint", "integer", "bigint", "hugeint"]
_EXACT_DIGITS = 15


class ForeignError(Exception):
    """Spark cannot compute this with the same meaning; the message begins with what."""


class Rows:
    """Converts expressions over a relation; gathers what its kernel must compute.

    Attributes:
        columns: names and types of the relation's columns.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, relation: str):
        self._connection = connection
        self._relation = relation
        found = connection.sql(f"FROM {relation}")
        self.columns = dict(zip(found.columns, found.types, strict=True))
        self._types: dict[str, DuckDBPyType] = {}
        self._values: list[str] = []
        self._value_types: list[DuckDBPyType] = []
        self._given: dict[str, tuple[exp.Expr, DuckDBPyType]] = {}
        self._refused = False

    def convert(self, node: exp.Expr) -> exp.Expr:
        """The node for Spark: Spark's own where that means the same, else a kernel's value."""
        try:
            return self._native(node)
        except (ForeignError, NoTypeError):
            if self._refused:
                raise
        return self._computed(node)

    def type(self, node: exp.Expr) -> DuckDBPyType:
        """DuckDB's type of an expression."""
        sql = duckdb_sql(node)
        if sql not in self._types:
            try:
                found = self._connection.sql(f"SELECT ({sql}) FROM {self._relation}")
            except duckdb.Error as error:
                raise ForeignError(f"{sql} ({str(error).splitlines()[0]})") from error
            self._types[sql] = found.types[0]
        return self._types[sql]

    def kernel(self) -> tuple[Kernel | None, list[exp.Expr]]:
        """The kernel that the converted expressions need, if any, and its arguments."""
        if not self._values:
            return None, []
        given = list(self._given.values())
        restored = [
            f"CAST(a{at} AS {type_}) AS a{at}" if carried_type(type_) != str(type_) else f"a{at}"
            for at, (_, type_) in enumerate(given)
        ]
        carried = [carried_type(type_) for type_ in self._value_types]
        values = ", ".join(
            f"k{at} := CAST(({sql}) AS {type_})"
            for at, (sql, type_) in enumerate(zip(self._values, carried, strict=True))
        )
        types = ", ".join(f"`k{at}`: {spark_type(t)}" for at, t in enumerate(self._value_types))
        kernel = Kernel(
            f"SELECT struct_pack({values}) AS value"
            f" FROM (SELECT {', '.join(restored or ['a0'])} FROM batch)",
            f"STRUCT<{types}>",
        )
        # A kernel gives as many rows as its batch has, so it needs an argument.
        return kernel, [value for value, _ in given] or [exp.Literal.number(1)]

    # -- what Spark computes itself -----------------------------------------------------------

    def _native(self, node: exp.Expr) -> exp.Expr:
        if self._is_field(node):
            return self._field(node)
        if isinstance(node, exp.Binary | exp.Between | exp.In) and _is_altered(node):
            raise ForeignError(duckdb_sql(node))
        match node:
            case exp.Literal() | exp.Boolean() | exp.Null():
                return node.copy()
            case exp.Paren() | exp.Not():
                return self._rebuilt(node)
            case exp.And() | exp.Or():
                self._require(node, "boolean")
                return self._rebuilt(node)
            case exp.EQ() | exp.NEQ() | exp.LT() | exp.LTE() | exp.GT() | exp.GTE():
                return self._compared(node, operands(node))
            case exp.Between() | exp.NullSafeEQ() | exp.NullSafeNEQ():
                return self._compared(node, operands(node))
            case exp.In() if not node.args.get("query") and not node.args.get("field"):
                return self._compared(node, [node.this, *node.expressions])
            case exp.Is() if isinstance(node.expression, exp.Null):
                return self._rebuilt(node)
            case exp.Case() if node.this is None:
                default = node.args.get("default")
                values = [if_.args["true"] for if_ in node.args["ifs"]]
                return self._conditional(node, [*values, *([default] if default else [])])
            case exp.DPipe():
                self._require(node, "varchar")
                return self._rebuilt(node)
            case exp.Like():
                return self._like(node)
            case exp.Add() | exp.Sub() | exp.Mul():
                return self._arithmetic(node)
            case exp.Cast():
                return self._cast(node)
            case exp.Anonymous():
                return self._function(node)
            case _:
                raise ForeignError(duckdb_sql(node))

    def _rebuilt(self, node: exp.Expr) -> exp.Expr:
        """The same node over converted operands; a branch of CASE is no value of its own."""
        return rebuilt(
            node,
            lambda each: self._rebuilt(each) if isinstance(each, exp.If) else self.convert(each),
        )

    def _is_field(self, node: exp.Expr) -> bool:
        """A column, a field of a struct column, or an element of a list column."""
        if isinstance(node, exp.Column):
            return node.parts[0].name in self.columns
        match node:
            case exp.Bracket(this=exp.Column() as column, expressions=[exp.Literal() as at]):
                return (
                    not at.is_string and self._is_field(column) and self.type(column).id == "list"
                )
            case _:
                return False

    def _field(self, node: exp.Expr) -> exp.Expr:
        spark_type(self.type(node))
        done = node.copy()
        for column in done.find_all(exp.Column):
            for part in column.parts:
                part.set("quoted", True)
        if isinstance(done, exp.Bracket):
            # sqlglot counts from 0, as Spark's `get` does.
            return called("get", [done.this, *done.expressions])
        return done

    def _require(self, node: exp.Expr, kind: str) -> None:
        types = [self.type(operand) for operand in operands(node)]
        if any(type_.id not in {kind, "null"} or is_json(type_) for type_ in types):
            raise ForeignError(duckdb_sql(node))

    def _compared(self, node: exp.Expr, values: Sequence[exp.Expr]) -> exp.Expr:
        """Only types that both engines compare alike, without a conversion of their own."""
        kinds: set[str] = set()
        for value in values:
            type_ = self.type(value)
            exact = isinstance(value, exp.Literal) and len(value.name) <= _EXACT_DIGITS
            if type_.id in _SIZES:
                kinds.add("integer")
            elif type_.id == "decimal" and exact:
                kinds.add("double")
            elif is_json(type_) or type_.id not in COMPARABLE | {"null"}:
                raise ForeignError(duckdb_sql(node))
            elif type_.id != "null":
                kinds.add(type_.id)
        huge = any(self.type(value).id == "hugeint" for value in values)
        if len(kinds) > 1 and (huge or kinds != {"integer", "double"}):
            raise ForeignError(duckdb_sql(node))
        return self._rebuilt(node)

    def _conditional(self, node: exp.Expr, values: Sequence[exp.Expr]) -> exp.Expr:
        """A conditional whose parts are all Spark's own and whose values have one type."""
        result = self.type(node)
        types = {str(self.type(value)) for value in values} - {'"NULL"'}
        whole = result.id in _SIZES and {self.type(v).id for v in values} <= {*_SIZES, "null"}
        if len(types) > 1 and not whole:
            raise ForeignError(duckdb_sql(node))
        with self._kernel_refused():
            done = self._rebuilt(node)
        return cast_to(done, spark_type(result)) if len(types) > 1 else done

    @contextmanager
    def _kernel_refused(self) -> Generator[None]:
        before, self._refused = self._refused, True
        try:
            yield
        finally:
            self._refused = before

    def _like(self, node: exp.Like) -> exp.Expr:
        """Only patterns that need no matcher: a prefix, a suffix, a part, the whole."""
        pattern = node.expression
        if not (isinstance(pattern, exp.Literal) and pattern.is_string):
            raise ForeignError(duckdb_sql(node))
        text = pattern.name.strip("%")
        if not text or set("%_\\") & set(text) or self.type(node.this).id != "varchar":
            raise ForeignError(duckdb_sql(node))
        value, wanted = self.convert(node.this), exp.Literal.string(text)
        match pattern.name.startswith("%"), pattern.name.endswith("%"):
            case True, True:
                return called("CONTAINS", [value, wanted])
            case True, False:
                return called("ENDSWITH", [value, wanted])
            case False, True:
                return called("STARTSWITH", [value, wanted])
            case _:
                return exp.EQ(this=value, expression=wanted)

    def _arithmetic(self, node: exp.Expr) -> exp.Expr:
        """Whole numbers of one type (both engines refuse an overflow), or floating point."""
        kinds = {self.type(operand).id for operand in operands(node)}
        result = self.type(node)
        whole = result.id in INTEGERS and kinds <= INTEGERS
        floating = result.id == "double" and kinds <= INTEGERS | {"double"}
        if not (floating or (whole and not self._refused)):
            raise ForeignError(duckdb_sql(node))
        type_ = spark_type(result)
        return exp.Paren(this=rebuilt(node, lambda each: cast_to(self.convert(each), type_)))

    def _cast(self, node: exp.Cast) -> exp.Expr:
        """Casts that cannot fail, and TRY_CAST of whole numbers, which only can run over."""
        before, after = self.type(node.this), self.type(node)
        if str(before) == str(after):
            return self.convert(node.this)
        if before.id == "null":
            return cast_to(exp.Null(), spark_type(after))
        sizes = before.id in _SIZES and after.id in _SIZES
        total = (
            (sizes and _SIZES.index(before.id) <= _SIZES.index(after.id))
            or (before.id in INTEGERS and after.id in {"varchar", "double"})
            or (before.id == "boolean" and after.id in INTEGERS | {"varchar"})
            or (before.id == "timestamp with time zone" and after.id == "timestamp")
        )
        if is_json(after) or not (total or (sizes and isinstance(node, exp.TryCast))):
            raise ForeignError(duckdb_sql(node))
        to = exp.DataType.build(spark_type(after), dialect="spark")
        value = self.convert(node.this)
        # Without `safe` sqlglot writes a CAST.
        return exp.Cast(this=value, to=to) if total else exp.TryCast(this=value, to=to, safe=True)

    def _function(self, node: exp.Anonymous) -> exp.Expr:
        name, arguments = node.name.lower(), node.expressions
        if name == "try":
            with self._kernel_refused():
                return self.convert(arguments[0])
        known = PORTABILITY.get(name)
        if known is None or known.way is not Way.SPARK:
            raise ForeignError(duckdb_sql(node))
        types = [self.type(argument) for argument in arguments]
        texts = all(t.id in {"varchar", "null"} and not is_json(t) for t in types)
        match name:
            case "coalesce" | "ifnull":
                return self._conditional(called("COALESCE", arguments), arguments)
            case "nullif" if len({str(type_) for type_ in types}) == 1:
                return self._compared(node, arguments)
            case "greatest" | "least" if {str(type_) for type_ in types} <= {"TIMESTAMP"}:
                return self._rebuilt(node)
            case "greatest" | "least" if {t.id for t in types} <= INTEGERS:
                return self._rebuilt(node)
            case "contains" | "concat_ws" | "md5" if texts:
                return self._rebuilt(node)
            case _ if texts and name in _RENAMED:
                return called(_RENAMED[name], [self.convert(argument) for argument in arguments])
            case "sha256" if texts:
                return called("SHA2", [self.convert(arguments[0]), exp.Literal.number(256)])
            case _:
                raise ForeignError(duckdb_sql(node))

    # -- what its kernel computes -------------------------------------------------------------

    def _computed(self, node: exp.Expr) -> exp.Expr:
        """A node as a value of the kernel, which is given the fields that the node reads."""
        type_ = self.type(node)
        spark_type(type_)
        sql = duckdb_sql(node.transform(self._argument))
        if sql not in self._values:
            self._values.append(sql)
            self._value_types.append(type_)
        return exp.column(f"k{self._values.index(sql)}", table=KERNELS, quoted=True)

    def _argument(self, node: exp.Expr) -> exp.Expr:
        """A field as an argument of the kernel; any other node as it is."""
        if not self._is_field(node) or _is_bound(node):
            return node
        sql = duckdb_sql(node)
        if sql not in self._given:
            self._given[sql] = (self._field(node), self.type(node))
        return exp.column(f"a{list(self._given).index(sql)}")


def _is_altered(node: exp.Expr) -> bool:
    """Whether a flag, such as that of NOT LIKE, changes what the operator means."""
    return any(value is True for name, value in node.args.items() if name != "safe")


def _is_bound(node: exp.Expr) -> bool:
    """Whether a name is that of a lambda's variable."""
    name = next(node.find_all(exp.Column)).parts[0].name
    around = node.find_ancestor(exp.Lambda)
    while around is not None:
        if name in {variable.name for variable in around.expressions}:
            return True
        around = around.find_ancestor(exp.Lambda)
    return False


_RENAMED = {
    "starts_with": "STARTSWITH",
    "prefix": "STARTSWITH",
    "ends_with": "ENDSWITH",
    "suffix": "ENDSWITH",
    "length": "CHAR_LENGTH",
    "len": "CHAR_LENGTH",
    "strlen": "OCTET_LENGTH",
}
