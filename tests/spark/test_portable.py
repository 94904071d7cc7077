"""What is portable to Spark, and how the rest is refused: decided without Spark."""

import socket
from pathlib import Path

import pytest

from whetstone.catalog.expressions import allowed_functions
from whetstone.errors import EngineError
from whetstone.settings import Settings
from whetstone.spark.portable import PORTABILITY, portability_problems
from whetstone.spark.session import open_session
from whetstone.spark.transpile import transpile

TABLES = {"rows": {"s": "VARCHAR", "i": "BIGINT", "t": "TIMESTAMP"}}


def test_every_function_that_definitions_may_call_has_a_way_to_spark_or_a_reason() -> None:
    scalars, aggregates = allowed_functions()
    assert set(PORTABILITY) == scalars | aggregates


@pytest.mark.parametrize("definition", ["mode(s)", "arg_max(s, t)", "arg_min(s, t)"])
def test_what_hangs_on_the_order_of_rows_is_refused(definition: str) -> None:
    (problem,) = portability_problems(definition)
    assert "order of rows" in problem
    with pytest.raises(EngineError, match="order of rows"):
        transpile(f"SELECT {definition} AS x FROM rows", TABLES)


def test_an_order_inside_an_aggregate_is_refused() -> None:
    assert portability_problems("sum(i ORDER BY t)") == [
        "ORDER BY inside sum is not portable to Spark"
    ]


def test_what_is_portable_has_no_problems() -> None:
    assert portability_problems("count(*) FILTER (WHERE regexp_matches(s, '(a+)+$'))") == []


@pytest.mark.parametrize(
    "expression",
    [
        "regexp_matches(s, '(a+)+$')",
        "s SIMILAR TO '(a|aa)+'",
        "s LIKE '%a%b%c%'",
        "regexp_replace(s, '(a*)*b', '')",
        "string_split(s, ',')",
    ],
)
def test_no_pattern_ever_reaches_javas_matcher(expression: str) -> None:
    made = transpile(f"SELECT {expression} AS x FROM rows", TABLES)
    (kernel,) = made.kernels
    assert "SELECT *, " + kernel.name.upper() in made.sql
    for name in ("RLIKE", "REGEXP", " LIKE ", "SPLIT"):
        assert name not in made.sql.upper()


def test_what_means_the_same_on_spark_stays_there() -> None:
    made = transpile(
        "SELECT i, count(*) FILTER (WHERE s = 'a') AS n, min(t) AS first FROM rows GROUP BY i",
        TABLES,
    )
    assert made.kernels == []
    assert made.columns == {"i": "BIGINT", "n": "BIGINT", "first": "TIMESTAMP"}


def test_a_query_of_another_shape_is_refused_by_name() -> None:
    with pytest.raises(EngineError, match="JOINS in a query"):
        transpile("SELECT a.i FROM rows a, rows b", TABLES)
    with pytest.raises(EngineError, match="DISTINCT in a query"):
        transpile("SELECT DISTINCT i FROM rows", TABLES)


def test_a_master_that_does_not_answer_is_named_with_its_setting(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        master = f"127.0.0.1:{unused.getsockname()[1]}"
    for scheme in ("spark", "sc"):
        settings = Settings(home=tmp_path, engine="spark", spark_master=f"{scheme}://{master}")
        with pytest.raises(EngineError, match=f"{scheme}://{master}.*WHETSTONE_SPARK_MASTER"):
            open_session(settings)


def test_missing_java_is_said_with_the_way_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(EngineError, match="make java"):
        open_session(Settings(home=tmp_path, engine="spark", spark_master="local[1]"))
