"""Definitions as SQL expressions: parsed by DuckDB itself, checked against an allow-list.

The parse tree comes from DuckDB's own parser (`json_serialize_sql`), so what is checked is exactly
what will run: there is no second parser to disagree with it. Allowed are constants, raw fields
(`$1`, `$2` …) or columns, operators, CASE, CAST, TRY, BETWEEN, lambdas and the functions below.
Everything else (statements, subqueries, windows, file, network and setting functions) is refused.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from whetstone.catalog.sandbox import parse_tree

_PREFIX = "SELECT (\n"
_MAX_CHARACTERS = 1 << 16


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SCALAR_FUNCTIONS = _words(
    """
    || + - * / // % ** ^ & | << >> ~~ !~~ ~~* !~~* ~~~ @> <@
    abs acos array_length array_position array_to_string ascii asin atan
    atan2 bit_count bit_xor bit_length
    cardinality ceil ceiling chr coalesce concat concat_ws contains cos date_diff date_part
    date_sub date_trunc datediff day dayofweek dayofyear decode degrees element_at ends_with
    epoch epoch_ms epoch_us exp flatten floor format from_base64 greatest hash hex hour ifnull
    isfinite isinf isnan isodow json_array_length json_extract json_extract_string json_type
    json_valid lcase least left len length levenshtein list_any_value
    list_avg list_contains list_count list_distinct list_entropy list_extract list_filter list_mad
    list_max list_median list_min list_position list_reduce list_reverse list_slice list_sort
    list_stddev_pop list_sum list_transform list_unique list_value list_zip ln log log10 log2 lower
    ltrim make_date make_timestamp map
    map_from_entries map_values md5 millisecond minute mod month nullif ord pow power
    prefix printf quarter radians regexp_extract regexp_extract_all regexp_full_match
    regexp_matches regexp_replace regexp_split_to_array replace reverse right round
    rtrim second sha256 sign sin split split_part sqrt starts_with str_split strftime string_split
    strip_accents strlen strpos strptime struct_extract struct_pack substr substring suffix tan
    time_bucket timezone to_days to_hours to_microseconds to_milliseconds to_minutes to_seconds
    to_timestamp translate trim trunc try_strptime ucase unhex upper url_decode week
    xor year
    """
)
_AGGREGATES = _words(
    """
    approx_count_distinct arg_max arg_min avg bool_and bool_or corr count
    count_if count_star entropy histogram kurtosis list mad max mean median min mode quantile
    quantile_cont quantile_disc regr_slope skewness stddev stddev_pop stddev_samp sum var_pop
    var_samp variance
    """
)
# What no two events of a source have in common.
_NAME_OF_AN_EVENT = frozenset(("raw_file", "raw_line"))
_NODE_CLASSES = _words(
    "BETWEEN CASE CAST COLUMN_REF COMPARISON CONJUNCTION CONSTANT FUNCTION LAMBDA OPERATOR"
    " PARAMETER TYPE"
)


class ExpressionError(Exception):
    """A definition is not an allowed expression; the message says which part."""


@dataclass(frozen=True)
class ParsedExpression:
    """A checked definition.

    Attributes:
        definition: the text as written.
        columns: names of the columns it reads.
        parameters: numbers of the raw fields it reads (`$1` is 1).
        functions: names of the functions and operators it calls, each as often as it does.
        aggregates: whether it aggregates over the events of a unit.
        fingerprint: hash of its parse tree: equal for texts that differ in white space only.
    """

    definition: str
    columns: frozenset[str]
    parameters: frozenset[int]
    functions: tuple[str, ...]
    aggregates: bool
    fingerprint: str
    parameter_spans: tuple[tuple[int, int, int], ...]

    def with_parameters(self, replacement: Mapping[int, str]) -> str:
        """The expression's SQL with each `$n` replaced by `replacement[n]`."""
        encoded = self.definition.encode()
        for start, length, number in sorted(self.parameter_spans, reverse=True):
            encoded = encoded[:start] + replacement[number].encode() + encoded[start + length :]
        return encoded.decode()


@lru_cache(maxsize=10_000)
def parse_expression(definition: str) -> ParsedExpression:
    """Parse and check one definition; nothing in it is run.

    Raises:
        ExpressionError: it is empty, has a syntax error, is more than one expression, nests too
            deep, or uses something that is not on the allow-list.
    """
    if not definition.strip():
        raise ExpressionError("the definition is empty")
    root = _parse(definition)
    columns: set[str] = set()
    spans: list[tuple[int, int, int]] = []
    functions: list[str] = []
    aggregates = False
    for node, bound in _nodes(root):
        kind = node["class"]
        if kind not in _NODE_CLASSES:
            raise ExpressionError(f"{_describe(kind)} is not allowed in a definition")
        if kind == "FUNCTION":
            aggregates |= _check_function(node)
            functions.append(node["function_name"].lower())
        elif kind == "COLUMN_REF":
            if node["column_names"][0] not in bound:
                columns.add(node["column_names"][0])
        elif kind == "PARAMETER":
            spans.append(_span(node))
    return ParsedExpression(
        definition=definition,
        columns=frozenset(columns),
        parameters=frozenset(number for _, _, number in spans),
        functions=tuple(functions),
        aggregates=aggregates,
        fingerprint=_fingerprint(root),
        # `CASE $1 WHEN` is one $1 in the text and several in the tree.
        parameter_spans=tuple(dict.fromkeys(spans)),
    )


def _parse(definition: str) -> dict[str, Any]:
    if len(definition) > _MAX_CHARACTERS:
        raise ExpressionError(f"the definition is longer than {_MAX_CHARACTERS} characters")
    try:
        definition.encode()
    except UnicodeEncodeError as error:
        raise ExpressionError("the definition is not valid Unicode text") from error
    # The newline ends a trailing comment; the parentheses expose anything but one expression.
    tree = parse_tree(f"{_PREFIX}{definition}\n)")
    if tree.get("error"):
        raise ExpressionError(f"not a SQL expression: {tree['error_message']}")
    select = tree["statements"][0]["node"]
    one_expression = (
        len(tree["statements"]) == 1
        and select["type"] == "SELECT_NODE"
        and len(select["select_list"]) == 1
        and select["from_table"]["type"] == "EMPTY"
        and not any(select[part] for part in ("where_clause", "having", "qualify", "sample"))
        and not select["modifiers"]
        and not select["group_expressions"]
        and not select["select_list"][0].get("alias")
    )
    if not one_expression:
        raise ExpressionError("a definition is one expression, not a query")
    return select["select_list"][0]


def _nodes(root: Any) -> Iterator[tuple[dict[str, Any], frozenset[str]]]:
    """Every expression node of a parse tree, with the names that lambdas around it bind.

    A node is what carries a class.
    """
    stack: list[tuple[Any, frozenset[str]]] = [(root, frozenset())]
    while stack:
        item, bound = stack.pop()
        if isinstance(item, list):
            stack.extend((inner, bound) for inner in cast(list[Any], item))
        elif isinstance(item, dict):
            node = cast(dict[str, Any], item)
            if "class" in node:
                yield node, bound
                if node["class"] == "LAMBDA":
                    bound |= _column_names(node["lhs"])
                    if _are_variables(node["lhs"]):
                        node = {"expr": node["expr"]}
            stack.extend((inner, bound) for inner in node.values())


def _are_variables(left: dict[str, Any]) -> bool:
    """Whether the left side of an arrow is `(a, b)`, as several variables of a lambda are.

    An arrow can also be JSON's, with any expression on its left.
    """
    return left.get("function_name") == "row" and all(
        argument["expression"]["class"] == "COLUMN_REF" for argument in left["arguments"]
    )


def _column_names(tree: Any) -> frozenset[str]:
    return frozenset(
        node["column_names"][0] for node, _ in _nodes(tree) if node["class"] == "COLUMN_REF"
    )


def _check_function(node: dict[str, Any]) -> bool:
    """Whether an allowed function is an aggregate; raises for one that is not allowed."""
    name = node["function_name"].lower()
    if node["schema"] or node["catalog"]:
        raise ExpressionError(f"function {node['schema']}.{name} is not allowed: no schemas")
    if name in _AGGREGATES:
        if name == "list" and (problem := _order_problem(node)):
            raise ExpressionError(problem)
        return True
    if name not in _SCALAR_FUNCTIONS:
        raise ExpressionError(
            f"function {name} is not allowed; `whetstone catalog check --functions` lists those"
            " that are"
        )
    if problem := _trap(name, node["arguments"]):
        raise ExpressionError(problem)
    return False


def _order_problem(node: dict[str, Any]) -> str | None:
    """Why a `list` would leave the order of its values to chance, if it would."""
    orders = node["order_bys"]["orders"]
    ascending = all(
        order["expression"]["class"] == "COLUMN_REF"
        and order["type"] in ("ORDER_DEFAULT", "ASCENDING")
        and order["null_order"] in ("ORDER_DEFAULT", "NULLS LAST")
        for order in orders
    )
    names = {order["expression"].get("column_names", [""])[0] for order in orders}
    if ascending and not node["distinct"] and names >= _NAME_OF_AN_EVENT:
        return None
    return (
        "list(…) leaves the order to chance: write list(x ORDER BY event_time, raw_file, raw_line),"
        " columns, ascending, with raw_file and raw_line, which tell all events apart"
    )


def _trap(name: str, arguments: list[dict[str, Any]]) -> str | None:
    """Forms of allowed functions that DuckDB 2.0 computes wrongly, or fails at in spite of TRY."""
    if name == "list_reduce" and len(arguments) < len(("list", "lambda", "initial value")):
        return "list_reduce fails on an empty list: give it an initial value as third argument"
    if name in ("strptime", "try_strptime") and len(arguments) > 1:
        formats = _constant_texts(arguments[1]["expression"])
        if len({"%z" in text or "%Z" in text for text in formats}) > 1:
            return (
                f"{name} with formats some of which have a zone takes the zone of another record:"
                " write coalesce(try_strptime(…), try_strptime(…))"
            )
    return None


def _constant_texts(node: dict[str, Any]) -> list[str]:
    if node["class"] == "CONSTANT":
        return [node["literal"].get("text", "")]
    return [
        text
        for argument in node.get("arguments", ())
        for text in _constant_texts(argument["expression"])
    ]


def allowed_functions() -> tuple[frozenset[str], frozenset[str]]:
    """The scalar functions and the aggregates that definitions may use."""
    return _SCALAR_FUNCTIONS, _AGGREGATES


def _span(node: dict[str, Any]) -> tuple[int, int, int]:
    identifier = node["identifier"]
    if not identifier.isdigit() or int(identifier) < 1:
        raise ExpressionError(f"${identifier} is not a raw field: write $1, $2 … as in `index`")
    start = node["query_location"] - len(_PREFIX)
    length = node["query_location_length"]
    if length != len(identifier) + 1:
        raise ExpressionError("? is not a raw field: write $1, $2 … as in `index`")
    return start, length, int(identifier)


def _describe(kind: str) -> str:
    words = {"SUBQUERY": "a subquery", "WINDOW": "a window function", "STAR": "*"}
    return words.get(kind, kind.lower())


def _fingerprint(root: dict[str, Any]) -> str:
    bare = json.dumps(_without_locations(root), sort_keys=True)
    return hashlib.sha256(bare.encode()).hexdigest()


def _without_locations(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_locations(item) for item in cast(list[Any], value)]
    if isinstance(value, dict):
        return {
            key: _without_locations(item)
            for key, item in cast(dict[str, Any], value).items()
            if not key.startswith("query_location")
        }
    return value
