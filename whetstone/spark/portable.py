"""Which functions of definitions mean the same on Spark, and by which way they get there.

Three ways keep one meaning. Spark's own function, where it gives equal values for all input. Where
it does not (regexes, texts as numbers and times, JSON, lists, logarithms …), the workers compute
the part with DuckDB itself, batch by batch over Arrow: so no regex is ever run by Java, whose
matcher backtracks. Aggregates that Spark lacks or rounds in another way are computed so as well,
over the values that Spark collects for each unit. What has no meaning of its own is refused: an
answer that hangs on the order of rows differs from run to run on a cluster.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from whetstone.catalog.expressions import parse_expression
from whetstone.catalog.sandbox import parse_tree


class Way(Enum):
    """How a function gets to Spark."""

    SPARK = "Spark's own function"
    DUCKDB = "DuckDB on the workers"
    COLLECTED = "DuckDB on the workers, over the collected values"
    REFUSED = "refused"


@dataclass(frozen=True)
class Portability:
    """How a function gets to Spark, and why so."""

    way: Way
    reason: str


_GROUPS: tuple[tuple[Way, str, str], ...] = (
    (
        Way.SPARK,
        "equal for all values",
        "|| + - * coalesce ifnull nullif concat_ws contains starts_with prefix ends_with suffix"
        " length len strlen md5 sha256 greatest least"
        " count count_star count_if bool_and bool_or min max sum avg mean",
    ),
    (
        Way.SPARK,
        "sorted by what names each event, so that no order is left to chance",
        "list",
    ),
    (
        Way.DUCKDB,
        "LIKE with more than one % is a regex on Spark; a plain prefix, suffix or part stays there",
        "~~ !~~",
    ),
    (
        Way.DUCKDB,
        "RE2 here, a backtracking regex in Java there",
        "~~* !~~* ~~~ regexp_extract regexp_extract_all regexp_full_match regexp_matches"
        " regexp_replace regexp_split_to_array",
    ),
    (
        Way.DUCKDB,
        "division by zero and rounding differ",
        "/ // % mod round floor ceil ceiling trunc abs sign xor & | ^ ** << >> bit_count bit_xor"
        " bit_length isnan isinf isfinite",
    ),
    (
        Way.DUCKDB,
        "the last bit differs between mathematical libraries",
        "acos asin atan atan2 cos sin tan degrees radians exp ln log log10 log2 pow power sqrt",
    ),
    (
        Way.DUCKDB,
        "differ for other letters than ASCII, negative positions or missing values",
        "ascii chr ord concat format printf lcase lower ucase upper left right substr substring"
        " replace reverse split split_part str_split string_split strip_accents strpos translate"
        " trim ltrim rtrim levenshtein url_decode",
    ),
    (
        Way.DUCKDB,
        "clocks: formats, zones and week numbers differ",
        "strptime try_strptime strftime to_timestamp make_date make_timestamp time_bucket"
        " date_diff datediff date_sub date_part date_trunc day dayofweek dayofyear hour isodow"
        " millisecond minute month quarter second week year epoch epoch_ms epoch_us to_days"
        " to_hours to_microseconds to_milliseconds to_minutes to_seconds timezone",
    ),
    (
        Way.DUCKDB,
        "JSON: the text of numbers and nested values differs",
        "json_array_length json_extract json_extract_string json_type json_valid",
    ),
    (
        Way.DUCKDB,
        "lists, maps and structs: positions, missing values and order differ",
        "@> <@ array_length array_position array_to_string cardinality element_at flatten"
        " list_any_value list_avg"
        " list_contains list_count list_distinct list_entropy list_extract list_filter list_mad"
        " list_max list_median list_min list_position list_reduce list_reverse list_slice list_sort"
        " list_stddev_pop list_sum list_transform list_unique list_value list_zip map"
        " map_from_entries map_values struct_extract struct_pack",
    ),
    (
        Way.DUCKDB,
        "DuckDB's own encodings and hash",
        "decode from_base64 hash hex unhex",
    ),
    (
        Way.COLLECTED,
        "interpolation, sketches and rounding differ, or Spark has none",
        "approx_count_distinct corr entropy histogram kurtosis mad median quantile quantile_cont"
        " quantile_disc regr_slope skewness stddev stddev_pop stddev_samp var_pop var_samp"
        " variance",
    ),
    (
        Way.REFUSED,
        "which of equal rows wins hangs on the order of rows, which a cluster does not keep: use"
        " min, max or a count",
        "arg_max arg_min mode",
    ),
)

PORTABILITY = {
    name: Portability(way, reason) for way, reason, names in _GROUPS for name in names.split()
}


def portability_problems(definition: str) -> list[str]:
    """Why a definition cannot run on Spark with the same meaning; nothing when it can.

    Args:
        definition: a definition that `parse_expression` accepts.
    """
    checked = parse_expression(definition)
    problems: dict[str, None] = {}
    for node in _functions(parse_tree(f"SELECT (\n{checked.definition}\n)")):
        name = node["function_name"].lower()
        known = PORTABILITY.get(name, Portability(Way.REFUSED, "nobody has tried it on Spark yet"))
        if known.way is Way.REFUSED:
            problems[f"{name} is not portable to Spark: {known.reason}"] = None
        orders: dict[str, Any] = node.get("order_bys") or {}
        if orders.get("orders") and name != "list":
            problems[f"ORDER BY inside {name} is not portable to Spark"] = None
    return list(problems)


def _functions(tree: Any) -> Iterator[dict[str, Any]]:
    stack = [tree]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(cast(list[Any], item))
        elif isinstance(item, dict):
            node = cast(dict[str, Any], item)
            if node.get("class") == "FUNCTION":
                yield node
            stack.extend(node.values())
