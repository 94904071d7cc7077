"""Definitions are hostile input: what is not an allowed expression is refused, and nothing runs."""

import re
import threading
import time
from collections import Counter
from pathlib import Path

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from whetstone.catalog.expressions import (
    ExpressionError,
    ParsedExpression,
    allowed_functions,
    parse_expression,
)
from whetstone.catalog.sandbox import binding_problem, parse_tree

WORDS = """
    ( ) [ ] { } , ; . : :: ' " $$ $1 $2 $x ? * + - || -- /* */ => -> # @ SELECT FROM WHERE é
    UNION WITH AS CASE WHEN THEN END NOT NULL IN BETWEEN FILTER OVER PARTITION CAST TRY_CAST
    INSTALL LOAD ATTACH COPY SET PRAGMA count(*) getenv('HOME') read_csv('/etc/passwd') a b.c
    lambda x 1 2.5 'text' "column" INTERVAL DATE COLUMNS(*) DISTINCT EXISTS VALUES LIMIT
"""
FRAGMENTS = st.lists(st.sampled_from([*WORDS.split(), "\n", "\0"]), max_size=12).map(" ".join)


def parsed_or_refused(text: str) -> ParsedExpression | None:
    try:
        return parse_expression(text)
    except ExpressionError:
        return None


@settings(max_examples=400)
@given(st.one_of(st.text(max_size=60), FRAGMENTS))
@example("1) FROM (SELECT 2")
@example("1) UNION SELECT (2")
@example("1); DROP TABLE x; SELECT (1")
@example("1) AS x, (2")
@example("1) LIMIT (2")
@example("1) ORDER BY (2")
@example("\ud800")
@example("(" * 5000 + "1" + ")" * 5000)
@example("+".join("1" * 900))
@example("x" * (1 << 20))
def test_any_text_is_an_expression_of_allowed_functions_or_refused(text: str) -> None:
    if expression := parsed_or_refused(text):
        scalars, aggregates = allowed_functions()
        tree = parse_tree(f"SELECT (\n{text}\n)")
        assert functions_in(tree) <= scalars | aggregates
        assert len(tree["statements"]) == 1
        assert tree["statements"][0]["node"]["from_table"]["type"] == "EMPTY"
        numbers = {number: f"${number}" for number in expression.parameters}
        assert expression.with_parameters(numbers) == text


def functions_in(tree: object) -> set[str]:
    nodes = [tree]
    names: set[str] = set()
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            if node.get("class") == "FUNCTION":
                names.add(node["function_name"].lower())
            nodes.extend(node.values())
        elif isinstance(node, list):
            nodes.extend(node)
    return names


def test_a_definition_that_would_write_a_file_is_refused_and_no_file_is_there(
    tmp_path: Path,
) -> None:
    target = tmp_path / "written"
    for text in (
        f"1); COPY (SELECT 1) TO '{target}'; SELECT (1",
        f"(SELECT 1 FROM read_csv('{target}'))",
        f"write_log('{target}')",
    ):
        assert parsed_or_refused(text) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        *("getenv('HOME')", "read_text('/etc/passwd')", "read_blob('x')", "current_setting('x')"),
        *("query('SELECT 1')", "query_table('x')", "nextval('s')", "random()", "uuid()", "now()"),
        *("error('x')", "repeat('x', 1000000)", "range(1000000)", "lpad('x', 1000000, 'y')"),
        *(
            "pg_sleep(1)",
            "set_bit('1'::BIT, 0, 1)",
            "x -> getenv(x)",
            "struct_pack(a := getenv('x'))",
        ),
        *("list_transform([1], lambda x: getenv('HOME'))", "max(x ORDER BY getenv('HOME'))"),
        *("count(*) FILTER (WHERE getenv('HOME') = '')", "EXISTS (SELECT 1)", "x IN (SELECT 1)"),
        *("ARRAY(SELECT 1)", "row_number() OVER ()", "lag(x) OVER (ORDER BY y)", "*", "COLUMNS(*)"),
        *("system.main.upper('x')", "1; SELECT 2", "1, 2", "x AS y", "", " ", "-- nothing"),
    ],
)
def test_what_reaches_beyond_its_row_is_refused(text: str) -> None:
    assert parsed_or_refused(text) is None


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("list_reduce(x, lambda a, b: a || b)", "initial value"),
        ("try_strptime($1, ['%Y %z', '%Y'])", "coalesce(try_strptime"),
    ],
)
def test_forms_that_duckdb_computes_wrongly_are_refused(text: str, remedy: str) -> None:
    with pytest.raises(ExpressionError, match=re.escape(remedy)):
        parse_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "list_reduce(x, lambda a, b: a || b, '')",
        "try_strptime($1, ['%Y-%m', '%Y'])",
        "try_strptime($1, ['%Y %z', '%Y-%m %z'])",
    ],
)
def test_the_forms_beside_them_are_not(text: str) -> None:
    assert parsed_or_refused(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        *("list(x)", "list(x ORDER BY event_time)", "list(x ORDER BY event_time, raw_line)"),
        "list(x ORDER BY raw_file DESC, raw_line)",
        "list(x ORDER BY raw_file, raw_line NULLS FIRST)",
        "list(x ORDER BY length(raw_file), raw_file, raw_line + 1)",
        "list(DISTINCT x ORDER BY event_time, raw_file, raw_line)",
    ],
)
def test_a_list_whose_order_would_be_chance_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match="ORDER BY event_time, raw_file, raw_line"):
        parse_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "list(x ORDER BY event_time, raw_file, raw_line)",
        "len(list(x || y ORDER BY raw_file ASC, raw_line NULLS LAST) FILTER (WHERE x > '')[2:])",
    ],
)
def test_a_list_in_the_order_of_events_is_an_aggregate(text: str) -> None:
    parsed = parse_expression(text)
    assert parsed.aggregates
    assert {"x", "raw_file", "raw_line"} <= parsed.columns


def test_checking_the_types_of_a_definition_does_not_run_it() -> None:
    # Folded while it is planned, this takes seconds.
    start = time.thread_time()
    assert binding_problem("SELECT printf('%30000000d', 1)") is None
    assert time.thread_time() - start < 1


def test_the_sandbox_reaches_no_file(tmp_path: Path) -> None:
    file = tmp_path / "secret.csv"
    file.write_text("secret\n1\n")
    assert "disabled" in str(binding_problem(f"SELECT * FROM read_csv('{file}')"))


def test_the_sandbox_cannot_be_opened_again() -> None:
    assert "locked" in str(binding_problem("SELECT 1; SET enable_external_access = true"))


@given(
    st.lists(
        st.one_of(
            st.sampled_from(["$1", "$2", "$13"]),
            st.text(
                st.characters(exclude_categories=["Cs"], exclude_characters="'"), max_size=9
            ).map(lambda text: f"'{text}'"),
        ),
        min_size=1,
        max_size=9,
    )
)
def test_parameters_are_replaced_whatever_text_stands_between_them(pieces: list[str]) -> None:
    expression = parse_expression(" || ".join(pieces))
    replacement = {1: "'ä'", 2: "b", 13: "'日本' || c"}
    expected = [replacement[int(p[1:])] if p.startswith("$") else p for p in pieces]
    assert expression.with_parameters(replacement) == " || ".join(expected)
    assert expression.parameters == {int(p[1:]) for p in pieces if p.startswith("$")}


def test_a_parameter_in_a_string_or_a_comment_is_text() -> None:
    expression = parse_expression("$1 || '$2' -- ☃ $3\n || $4")
    assert expression.parameters == {1, 4}
    assert expression.with_parameters({1: "a", 4: "b"}) == "a || '$2' -- ☃ $3\n || b"


def test_a_raw_field_that_the_parse_tree_repeats_stands_once_in_the_text() -> None:
    expression = parse_expression("CASE $1 WHEN 'a' THEN 1 WHEN 'b' THEN 2 WHEN $2 THEN 3 END")
    expected = "CASE raw WHEN 'a' THEN 1 WHEN 'b' THEN 2 WHEN other THEN 3 END"
    assert expression.with_parameters({1: "raw", 2: "other"}) == expected


@pytest.mark.parametrize(
    ("definition", "columns"),
    [
        ("a + b.c", {"a", "b"}),
        ("count(*) FILTER (WHERE outcome = 'failed')", {"outcome"}),
        ("max(a ORDER BY b)", {"a", "b"}),
        ("list_transform(a, lambda x: x + b)", {"a", "b"}),
        ("list_transform(a, lambda x: x) = x", {"a", "x"}),
        ("list_transform(a, lambda x: list_sum(list_transform(b, lambda y: x + y + z)))", {*"abz"}),
        ("CASE WHEN a THEN b ELSE c END", {"a", "b", "c"}),
        ("1", set()),
    ],
)
def test_the_columns_of_a_definition_are_those_that_it_reads(
    definition: str, columns: set[str]
) -> None:
    assert parse_expression(definition).columns == columns


def test_white_space_and_comments_do_not_change_the_fingerprint() -> None:
    plain = parse_expression("count(*) FILTER (WHERE a = 1)").fingerprint
    assert parse_expression("COUNT( * )\n FILTER (\tWHERE a=1) -- why").fingerprint == plain
    assert parse_expression("count(*) FILTER (WHERE a = 2)").fingerprint != plain


def test_every_allowed_function_exists() -> None:
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions()"
        ).fetchall()
    # These are operators and special forms of the grammar, not entries of the list.
    grammar = {"coalesce", "ifnull", "nullif", "count_if", "^", "**"}
    missing = {*allowed_functions()[0], *allowed_functions()[1]} - {name for (name,) in rows}
    assert missing <= grammar


def test_threads_check_definitions_beside_each_other() -> None:
    found: list[str] = []

    def check(number: int) -> None:
        for round_ in range(20):
            found.extend(parse_expression(f"a{number} + {round_}").columns)

    threads = [threading.Thread(target=check, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(found) == {f"a{number}": 20 for number in range(4)}
