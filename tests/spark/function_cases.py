"""Expressions over generated values, for every function that definitions may call.

`COLUMNS` are the columns of the generated rows; each case reads some of them. Cases of one kind
run in one query, because starting a query costs more on Spark than all of them.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

COLUMNS = {
    "g": "BIGINT",
    "s": "VARCHAR",
    "u": "VARCHAR",
    "i": "BIGINT",
    "j": "INTEGER",
    "d": "DOUBLE",
    "b": "BOOLEAN",
    "t": "TIMESTAMP",
    "l": "VARCHAR[]",
}

# By function: expressions whose errors, where there are any, TRY turns into NULL.
SCALARS: dict[str, list[str]] = {
    "||": ["s || u", "s || '-' || u", "l || ['x']"],
    "+": ["i + j", "d + i", "d + d", "j + 1", "t + INTERVAL 1 DAY"],
    "-": ["i - j", "d - 1.5", "-d", "-i", "epoch(t - t)"],
    "*": ["j * 3", "d * i", "i * i"],
    "/": ["i / j", "d / i", "j / 2", "d / nullif(i, 0)"],
    "//": ["i // 3", "i // j"],
    "%": ["i % 3", "i % j", "d % 2"],
    "**": ["d ** 2"],
    "^": ["j ^ 2"],
    "&": ["i & 255"],
    "|": ["i | 1"],
    "<<": ["(j & 7) << 2"],
    ">>": ["i >> 1"],
    "~~": [
        "s LIKE 'a%'",
        "s LIKE '%é%'",
        "s LIKE '%b'",
        "s LIKE 'ab'",
        "s LIKE 'a_%b'",
        "s LIKE u",
    ],
    "!~~": ["s NOT LIKE 'a%'"],
    "~~*": ["s ILIKE 'A%'"],
    "!~~*": ["s NOT ILIKE '%É%'"],
    "~~~": ["s GLOB 'a*'"],
    "@>": ["l @> ['a']"],
    "<@": ["['a'] <@ l"],
    "regexp_extract": [
        "regexp_extract(s, '([a-z]+)(\\d*)', 2)",
        "regexp_extract(s, '(?P<x>\\w)(?P<y>.)', ['x', 'y']).y",
        "regexp_extract(s, '(a+)+$')",
        "regexp_extract(s, '\\pL+', 0, 'i')",
    ],
    "regexp_extract_all": ["regexp_extract_all(s, '[a-zé]')"],
    "regexp_full_match": ["regexp_full_match(s, '.*')"],
    "regexp_matches": ["regexp_matches(s, '^a.*b$')", "regexp_matches(s, 'B$', 'i')"],
    "regexp_replace": ["regexp_replace(s, '([a-z])', '<\\1>', 'g')", "regexp_replace(s, '$', '!')"],
    "regexp_split_to_array": ["regexp_split_to_array(s, '\\s*,\\s*')"],
    "coalesce": ["coalesce(s, u, 'none')", "coalesce(i, j)", "coalesce(d, i)"],
    "ifnull": ["ifnull(i, 0)"],
    "nullif": ["nullif(s, u)", "nullif(d, 0.0)", "nullif(i, j)"],
    "concat": ["concat(s, u, 'x')"],
    "concat_ws": ["concat_ws('|', s, u)", "concat_ws(s, u, u)"],
    "contains": ["contains(s, u)", "contains(s, '')", "contains(l, 'a')"],
    "starts_with": ["starts_with(s, u)", "starts_with(s, 'a')"],
    "prefix": ["prefix(s, 'a')"],
    "ends_with": ["ends_with(s, u)"],
    "suffix": ["suffix(s, 'b')"],
    "length": ["length(s)", "length(l)"],
    "len": ["len(s)"],
    "strlen": ["strlen(s)"],
    "bit_length": ["bit_length(s)"],
    "md5": ["md5(s)", "CAST('0x' || left(md5(s), 15) AS BIGINT)"],
    "sha256": ["sha256(s)"],
    "hash": ["hash(s)::VARCHAR"],
    "greatest": ["greatest(i, j)", "greatest(d, 0)", "greatest(s, u)"],
    "least": ["least(i, j)", "least(t, t)"],
    "abs": ["abs(i)", "abs(d)"],
    "sign": ["sign(i)", "sign(d)"],
    "round": ["round(d)", "round(d, 2)"],
    "trunc": ["trunc(d)"],
    "floor": ["floor(d)"],
    "ceil": ["ceil(d)"],
    "ceiling": ["ceiling(d)"],
    "mod": ["mod(i, 7)"],
    "xor": ["xor(i, 3)"],
    "bit_count": ["bit_count(i)"],
    "bit_xor": [],
    "isnan": ["isnan(d)"],
    "isinf": ["isinf(d)"],
    "isfinite": ["isfinite(d)"],
    **{name: [f"{name}(d)"] for name in ["atan", "cos", "sin", "tan", "degrees", "radians", "exp"]},
    **{name: [f"{name}(d)"] for name in ["acos", "asin", "ln", "log", "log10", "log2", "sqrt"]},
    "atan2": ["atan2(d, 2)"],
    "pow": ["pow(d, 2)"],
    "power": ["power(j, 3)"],
    "ascii": ["ascii(s)"],
    "chr": ["chr(65 + abs(j) % 26)"],
    "ord": ["ord(s)"],
    "format": ["format('{}-{}', s, i)"],
    "printf": ["printf('%s %05d', s, j)"],
    **{
        name: [f"{name}(s)"]
        for name in ["lcase", "lower", "ucase", "upper", "reverse", "strip_accents"]
    },
    **{name: [f"{name}(s)"] for name in ["trim", "ltrim", "rtrim", "url_decode"]},
    "left": ["left(s, 2)", "left(s, -1)"],
    "right": ["right(s, 2)"],
    "substr": ["substr(s, 2, 2)", "substr(s, -2)", "substr(s, j)"],
    "substring": ["substring(s, 1, 1)"],
    "replace": ["replace(s, 'a', u)"],
    "split": ["split(s, ',')"],
    "split_part": ["split_part(s, ',', 2)", "split_part(s, ',', -1)"],
    "str_split": ["str_split(s, '')"],
    "string_split": ["string_split(s, ',')"],
    "strpos": ["strpos(s, u)"],
    "translate": ["translate(s, 'ab', 'xy')"],
    "levenshtein": ["levenshtein(s, u)"],
    "strptime": ["strptime(s, '%Y-%m-%d')"],
    "try_strptime": [
        "try_strptime(s, '%Y-%m-%d')",
        "try_strptime(s, '%d/%b/%Y:%H:%M:%S %z')::TIMESTAMP",
    ],
    "strftime": ["strftime(t, '%a %j %H')"],
    "to_timestamp": ["to_timestamp(d)::TIMESTAMP"],
    "make_date": ["make_date(2024, 1 + abs(j) % 12, 1)"],
    "make_timestamp": ["make_timestamp(i)"],
    "time_bucket": ["time_bucket(INTERVAL 5 MINUTE, t)"],
    "date_diff": ["date_diff('hour', t, TIMESTAMP '2024-02-29')"],
    "datediff": ["datediff('month', t, TIMESTAMP '2024-02-29')"],
    "date_sub": ["date_sub('day', t, TIMESTAMP '2024-02-29')"],
    "date_part": ["date_part('isodow', t)"],
    "date_trunc": ["date_trunc('week', t)"],
    **{
        name: [f"{name}(t)"]
        for name in [
            "day",
            "dayofweek",
            "dayofyear",
            "hour",
            "isodow",
            "millisecond",
            "minute",
            "month",
            "quarter",
            "second",
            "week",
            "year",
            "epoch",
            "epoch_ms",
            "epoch_us",
        ]
    },
    **{
        f"to_{unit}": [f"t + to_{unit}(j)"]
        for unit in ["days", "hours", "microseconds", "milliseconds", "minutes", "seconds"]
    },
    "json_array_length": ["json_array_length(u)"],
    "json_extract": ["json_extract(u, '$.a')::VARCHAR"],
    "json_extract_string": ["json_extract_string(u, ['$.a', '$.b'])", "u->>'$.a'"],
    "json_type": ["json_type(u)"],
    "json_valid": ["json_valid(u)"],
    "array_to_string": ["array_to_string(l, ',')"],
    "timezone": ["timezone('Europe/Berlin', t)::TIMESTAMP"],
    "array_length": ["array_length(l)"],
    "array_position": ["array_position(l, 'a')"],
    "cardinality": ["cardinality(map(['a'], [i]))"],
    "element_at": ["element_at(map(['a'], [s]), 'a')"],
    "flatten": ["flatten([l, l])"],
    "list_any_value": ["list_any_value(l)"],
    "list_avg": ["list_avg([i, j])"],
    "list_entropy": ["round(list_entropy(l), 9)", "list_entropy(string_split(s, ''))"],
    "list_mad": ["list_mad([i % 100, j, 7])"],
    "list_median": ["list_median([d, j])"],
    "list_stddev_pop": ["round(list_stddev_pop([j, 3]), 9)"],
    "list_zip": [
        "list_transform(list_zip(l, [s]), lambda p: p[1] || coalesce(p[2], '-'))",
        "list_transform(list_zip([j, 2, i % 9][2:], [j, 2, i % 9][:-2]), lambda p: p[1] - p[2])",
    ],
    "list_contains": ["list_contains(l, s)"],
    "list_count": ["list_count(l)"],
    "list_distinct": ["list_sort(list_distinct(l))"],
    "list_extract": ["list_extract(l, 2)", "l[1]", "l[-1]"],
    "list_filter": ["list_filter(l, lambda x: x > s)"],
    "list_max": ["list_max(l)"],
    "list_min": ["list_min(l)"],
    "list_position": ["list_position(l, s)"],
    "list_reduce": ["list_reduce(l, lambda x, y: x || y, '')"],
    "list_reverse": ["list_reverse(l)"],
    "list_slice": ["list_slice(l, 1, 2)", "l[2:]"],
    "list_sort": ["list_sort(l)", "list_sort(l, 'DESC', 'NULLS FIRST')"],
    "list_sum": ["list_sum([i, j])::VARCHAR"],
    "list_transform": ["list_transform(l, lambda x: upper(x) || coalesce(s, ''))"],
    "list_unique": ["list_unique(l)"],
    "list_value": ["list_value(s, u)", "[s, u]"],
    "map": ["map(['a'], [s])['a']"],
    "map_from_entries": ["map_from_entries([('k', s)])['k']"],
    "map_values": ["map_values(map(['a', 'b'], [s, u]))"],
    "struct_extract": ["struct_extract({'a': s}, 'a')"],
    "struct_pack": ["struct_pack(a := s, b := i)"],
    "decode": ["decode(from_base64('YWI='))"],
    "from_base64": ["hex(from_base64(s))"],
    "hex": ["hex(s)", "hex(i)"],
    "unhex": ["unhex('41')"],
}

# What is no function of its own: casts, comparisons, conditions.
SYNTAX = [
    *(
        f"CAST(s AS {type_})"
        for type_ in ["BIGINT", "DOUBLE", "TIMESTAMP", "DATE", "BOOLEAN", "TINYINT"]
    ),
    "CAST(s AS TIMESTAMPTZ)::TIMESTAMP",
    "TRY_CAST(s AS BIGINT)",
    "CAST(d AS BIGINT)",
    "CAST(d AS VARCHAR)",
    "CAST(i AS VARCHAR)",
    "CAST(b AS VARCHAR)",
    "CAST(t AS VARCHAR)",
    "CAST(i AS INTEGER)",
    "TRY_CAST(i AS SMALLINT)",
    "s = u",
    "s < u",
    "s > 'é'",
    "i >= j",
    "d = i",
    "d < 1.5",
    "d = 'NaN'::DOUBLE",
    "b AND i > 0",
    "b OR d > 0",
    "NOT b",
    "s IN ('a', 'b', '')",
    "i NOT IN (1, 2)",
    "i BETWEEN j AND 5",
    "s IS NOT DISTINCT FROM u",
    "t > TIMESTAMP '2024-01-01'",
    "CASE WHEN i > 0 THEN s WHEN b THEN u END",
    "CASE WHEN s = '1.0' THEN CAST(s AS DOUBLE) WHEN CAST(s AS DOUBLE) > 1 THEN 1 END",
    "CASE i WHEN 1 THEN 'one' ELSE 'many' END",
    "coalesce(TRY(CAST(s AS BIGINT)), -1) + 1",
    "CAST('12' AS BIGINT)",
]

_SECONDS = "list(epoch(t) ORDER BY t, r)"
AGGREGATES: dict[str, list[str]] = {
    "count": ["count(s)", "count(DISTINCT s)", "count(DISTINCT lower(s)) FILTER (WHERE i > 0)"],
    "count_star": ["count(*)", "count(*) FILTER (WHERE s LIKE 'a%b%')"],
    "count_if": ["count_if(b)"],
    "bool_and": ["bool_and(b)"],
    "bool_or": ["bool_or(b)"],
    "min": ["min(s)", "min(d)", "min(t)", "min(i) FILTER (WHERE b)", "min(length(s))"],
    "max": ["max(s)", "max(d)", "max(t)", "epoch(max(t) - min(t))"],
    "sum": [
        "sum(j)",
        "sum(DISTINCT j)",
        "sum(i::HUGEINT)",
        "coalesce(sum(j) FILTER (WHERE b), 0)",
        "sum(j) / nullif(count(*), 0)",
    ],
    "list": [
        "list(s ORDER BY r)",
        "list(d ORDER BY t, d, s, b, r) FILTER (WHERE d IS NOT NULL)",
        "list(length(s) ORDER BY r) FILTER (WHERE false)",
        "list(r ORDER BY d, r)",
        "list(l ORDER BY r)[2:4]",
        f"list_transform(list_zip({_SECONDS}[2:], {_SECONDS}[:-2]), lambda p: p[1] - p[2])",
        f"list_transform({_SECONDS}[2:], lambda x, n: x - {_SECONDS}[n])",
        f"list_transform([{_SECONDS}], lambda x: list_mad(x) / list_median(x))[1]",
    ],
    "avg": ["avg(j)", "avg(i % 1000003)"],
    "mean": ["mean(j)"],
    "approx_count_distinct": ["approx_count_distinct(s)"],
    "corr": ["round(corr(i % 100, j), 9)"],
    "entropy": ["round(entropy(s), 9)"],
    "histogram": [
        "map_values(histogram(s))",
        "round(log2(count(s) / list_min(map_values(histogram(s)))), 9)",
        "map_values(histogram(hour(t)) FILTER (WHERE b))",
    ],
    "kurtosis": ["round(kurtosis(j), 6)"],
    "mad": ["mad(j)"],
    "median": ["median(d)", "median(i)", "median(t)"],
    "quantile": ["quantile(j, 0.3)"],
    "quantile_cont": ["quantile_cont(j, 0.3)", "quantile_cont(i, [0.1, 0.9])"],
    "quantile_disc": ["quantile_disc(d, 0.3)"],
    "regr_slope": ["round(regr_slope(j, i % 100), 9)"],
    "skewness": ["round(skewness(j), 6)"],
    **{
        name: [f"round({name}(j % 1000), 6)"]
        for name in ["stddev", "stddev_pop", "stddev_samp", "var_pop", "var_samp", "variance"]
    },
}

_TEXTS = [
    *(
        "",
        "a",
        "ab",
        "b",
        "a1b2",
        "a_b",
        "A,b , c",
        ",",
        "é漢😀",
        "ß",
        "İ",
        "e\u0301",
        "a\nb",
        "a\r",
        "a%",
    ),
    *("1", "1.0", " 12 ", "-7", "inf", "NaN", "1e3", "0x1F", "1_000", "2.5", "9223372036854775808"),
    *("2024-02-29", "2024-02-30", "2024-02-29T12:00:00+02:00", "2024-02-29 1:2:3", "infinity"),
    *(
        "10/Oct/2000:13:55:36 -0700",
        "Jan  5 07:08:09",
        "true",
        "f",
        "%41+x",
        "\\x41",
        "\\",
        "'",
        '"',
    ),
    *(
        "\u00a0x",
        "\t",
        "a" * 40 + "b",
        '{"a": 1.0, "b": {"c": [1, 2]}}',
        '{"a":"x"}',
        "[1,2]",
        "{bad",
    ),
]
_NUMBERS = [0, 1, -1, 2, 3, 7, 100, 255, -5000, 2**31, -(2**31), 2**53 + 1, 2**62, -(2**63)]
_FRACTIONS = [0.0, -0.0, 1.0, -1.5, 0.1, 2.5, 3.5, 1e-9, 1e19, -1e300, float("inf"), float("nan")]
_ROWS = 600


def land_generated_rows(directory: Path) -> Path:
    """Rows of `COLUMNS` with all that is strange in them, numbered by `r`."""
    chance = random.Random(3)  # noqa: S311

    def some(values: list[object]) -> object:
        return None if chance.random() < 0.1 else chance.choice(values)

    start = datetime(2023, 12, 31, 23, 59, 59, 999999)  # noqa: DTZ001
    times: list[object] = [start + timedelta(hours=37 * at) for at in range(40)]
    rows = [
        {
            "r": number,
            "g": number % 7,
            "s": some([*_TEXTS]),
            "u": some([*_TEXTS]),
            "i": some([*_NUMBERS]),
            "j": some([*range(-3, 9), 4000]),
            "d": some([*_FRACTIONS]),
            "b": some([True, False]),
            "t": some([*times, datetime(1960, 1, 1)]),  # noqa: DTZ001
            "l": some([[], ["a"], ["b", None, "a"], ["é", "é"]]),
        }
        for number in range(_ROWS)
    ]
    schema = pa.schema(
        [
            *(("r", pa.int64()), ("g", pa.int64()), ("s", pa.string()), ("u", pa.string())),
            *(("i", pa.int64()), ("j", pa.int32()), ("d", pa.float64()), ("b", pa.bool_())),
            *(("t", pa.timestamp("us")), ("l", pa.list_(pa.string()))),
        ]
    )
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema), path)
    return path
