"""Aggregates: a SELECT over units taken apart, and each aggregate as Spark computes it."""

# sqlglot's nodes hold what they like.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportPrivateImportUsage=false

from sqlglot import exp, parse_one

from whetstone.spark.dialect import Definitions, called, cast_to, duckdb_sql
from whetstone.spark.expressions import COMPARABLE, INTEGERS, ForeignError, Rows
from whetstone.spark.portable import PORTABILITY, Way

_MEANS = {"avg", "mean"}
_LIST = "list"
_NATIVE = {"count", "count_if", "bool_and", "bool_or", "min", "max", "sum", _LIST} | _MEANS
_REFUSED = {name for name, known in PORTABILITY.items() if known.way is Way.REFUSED}
_COLLECTED = {name for name, known in PORTABILITY.items() if known.way is Way.COLLECTED}
# HUGEINT has a digit more; what overflows this is an error, no other number.
_WHOLE = "DECIMAL(38,0)"


class Units:
    """A SELECT that aggregates, taken apart.

    Attributes:
        inner: groups and aggregates only, as `u0`, `u1` …; of an aggregate that the workers
            compute, its values as a list.
    """

    def __init__(self, tree: exp.Select):
        self._columns: dict[str, exp.Expr] = {}
        self._tree = tree
        group = tree.args.get("group")
        by = [self._by(expression) for expression in group.expressions] if group else []
        self._groups = {duckdb_sql(expression): self._column(expression) for expression in by}
        selected = [
            exp.alias_(self._taken(e.unalias()), e.alias_or_name, quoted=True)
            for e in tree.expressions
        ]
        self._outer = exp.select(*selected)
        self.inner = tree.copy()
        self.inner.set(
            "expressions", [exp.alias_(e, f"u{at}") for at, e in enumerate(self._columns.values())]
        )
        if by:
            self.inner.set("group", exp.Group(expressions=[e.copy() for e in by]))

    def outer(self, relation: str) -> exp.Select:
        """The rest of the SELECT, over the relation that the inner one makes."""
        return self._outer.copy().from_(relation)

    def _by(self, expression: exp.Expr) -> exp.Expr:
        """What a term of GROUP BY stands for: an alias of the SELECT is its expression."""
        for selected in self._tree.expressions:
            alias = isinstance(selected, exp.Alias) and selected.alias == expression.name
            if alias and isinstance(expression, exp.Column):
                return selected.this
        return expression

    def _column(self, expression: exp.Expr) -> exp.Expr:
        known = duckdb_sql(expression)
        self._columns.setdefault(known, expression.copy())
        return exp.column(f"u{list(self._columns).index(known)}")

    def _taken(self, node: exp.Expr) -> exp.Expr:
        """The node with columns of the inner SELECT in place of groups and aggregates."""

        def column(part: exp.Expr) -> exp.Expr:
            if (group := self._groups.get(duckdb_sql(part))) is not None:
                return group.copy()
            name = aggregate_name(part)
            if name in _MEANS:
                # Divided outside: the sum is too large for a number of Spark to round it alike.
                return exp.Paren(
                    this=exp.Div(this=self._as(part, "sum"), expression=self._as(part, "count"))
                )
            if name is not None:
                return self._collected(part, name) if name in _COLLECTED else self._column(part)
            return part

        return node.transform(column)

    def _as(self, node: exp.Expr, name: str) -> exp.Expr:
        """The same aggregate with another function."""
        other = node.copy()
        call, _ = _parts(other)
        call.set("this", name)
        return self._column(other)

    def _collected(self, node: exp.Expr, name: str) -> exp.Expr:
        """An aggregate over the list of its values, which the inner SELECT collects."""
        call, condition = _parts(node)
        arguments = call.expressions
        if any(isinstance(argument, exp.Distinct | exp.Order) for argument in arguments):
            raise ForeignError(f"DISTINCT or ORDER BY inside {name}")
        values = [duckdb_sql(e) for e in arguments if e.find(exp.Column)]
        constants = [duckdb_sql(e) for e in arguments if not e.find(exp.Column)]
        fields = ", ".join(f"v{at} := {value}" for at, value in enumerate(values))
        only = f" FILTER (WHERE {duckdb_sql(condition)})" if condition is not None else ""
        listed = self._column(
            parse_one(f"{_LIST}(struct_pack({fields})){only}", dialect=Definitions)
        )
        inner = ", ".join([*(f"v.v{at}" for at in range(len(values))), *constants])
        one = f"SELECT {name}({inner}) FROM (SELECT unnest({duckdb_sql(listed)}) AS v)"
        return exp.Paren(this=exp.Subquery(this=parse_one(one, dialect=Definitions)))


def aggregate_name(node: exp.Expr) -> str | None:
    """The name of the aggregate that a node calls, a FILTER around it included."""
    call = node.this if isinstance(node, exp.Filter) else node
    if not isinstance(call, exp.Anonymous):
        return None
    name = call.name.lower()
    return name if name in _NATIVE | _COLLECTED | _REFUSED else None


def aggregate(rows: Rows, node: exp.Expr) -> exp.Expr | None:
    """An aggregate for Spark, over converted rows; None for what is none.

    Raises:
        ForeignError: Spark has none of the same meaning.
    """
    name = aggregate_name(node)
    if name is None:
        return None
    if name in _REFUSED:
        raise ForeignError(f"{name}: {PORTABILITY[name].reason}; it")
    call, condition = _parts(node)
    distinct = bool(call.expressions) and isinstance(call.expressions[0], exp.Distinct)
    arguments = call.expressions[0].expressions if distinct else call.expressions
    ordered = any(isinstance(argument, exp.Order) for argument in arguments)
    if ordered and (name != _LIST or distinct):
        raise ForeignError(f"ORDER BY inside {name}")
    where = rows.convert(condition) if condition is not None else None

    def over(function: str, values: list[exp.Expr]) -> exp.Expr:
        listed: list[exp.Expr] = [exp.Distinct(expressions=values)] if distinct else values
        made = called(function, listed)
        if where is None:
            return made
        return exp.Filter(this=made, expression=exp.Where(this=where.copy()))

    if not arguments or isinstance(arguments[0], exp.Star):
        return over("COUNT", [exp.Star()])
    if name == _LIST:
        packed = _in_order(rows, arguments[0]) if ordered else _struct(rows, arguments[0])
        listed = over("COLLECT_LIST", [packed])
        return _sorted(listed) if ordered else listed
    type_ = rows.type(arguments[0])
    kind = type_.id
    value = rows.convert(arguments[0])
    match name:
        case "count" if len(arguments) == 1:
            return over("COUNT", [value])
        case "count_if" | "bool_and" | "bool_or" if kind == "boolean":
            return over(name.upper(), [value])
        case "min" | "max" if len(arguments) == 1 and kind in INTEGERS | COMPARABLE:
            return over(name.upper(), [value])
        case "sum" if kind == "double":
            return over("SUM", [value])
        case "sum" if kind in INTEGERS | {"hugeint"}:
            return over("SUM", [cast_to(value, _WHOLE)])
        case _:
            raise ForeignError(f"{name} of {type_}")


def _parts(node: exp.Expr) -> tuple[exp.Anonymous, exp.Expr | None]:
    """The call and the condition of an aggregate."""
    if isinstance(node, exp.Filter):
        return node.this, node.expression.this
    assert isinstance(node, exp.Anonymous)
    return node, None


def _in_order(rows: Rows, ordered: exp.Expr) -> exp.Expr:
    """A value behind what it is ordered by, which tells all events apart."""
    parts: list[exp.Expr] = []
    for at, by in enumerate(ordered.expressions):
        if by.args.get("desc") or rows.type(by.this).id not in INTEGERS | COMPARABLE:
            raise ForeignError(f"ORDER BY {duckdb_sql(by)} inside {_LIST}")
        column = rows.convert(by.this)
        missing = exp.Is(this=column.copy(), expression=exp.Null())  # comes last
        parts += [exp.Literal.string(f"n{at}"), missing, exp.Literal.string(f"o{at}"), column]
    return called("NAMED_STRUCT", [*parts, exp.Literal.string("v"), rows.convert(ordered.this)])


def _sorted(listed: exp.Expr) -> exp.Expr:
    """The values of a list of such structs, in order; NULL, as DuckDB has it, where none are."""
    values = exp.Dot(this=called("SORT_ARRAY", [listed]), expression=exp.to_identifier("v"))
    none = exp.EQ(this=called("SIZE", [listed]), expression=exp.Literal.number(0))
    return called("IF", [none, exp.Null(), values])


def _struct(rows: Rows, packed: exp.Expr) -> exp.Expr:
    """`struct_pack(v0 := …)` for Spark: what the workers aggregate, in any order."""
    parts: list[exp.Expr] = []
    for field in packed.expressions:
        parts += [exp.Literal.string(field.this.name), rows.convert(field.expression)]
    return called("NAMED_STRUCT", parts)
