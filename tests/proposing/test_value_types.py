"""Types are inferred from values so that every value keeps its meaning."""

from datetime import UTC, datetime

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.proposing.values import infer

INSTANTS = st.datetimes(datetime(2001, 9, 10), datetime(2033, 1, 1))  # noqa: DTZ001
WRITTEN = {
    "ISO": "%Y-%m-%dT%H:%M:%S",
    "ISO with zone": "%Y-%m-%d %H:%M:%S.%f+0000",
    "access log": "%d/%b/%Y:%H:%M:%S +0000",
    "asctime": "%a %b %d %H:%M:%S %Y",
    "slashes": "%Y/%m/%d %H:%M:%S.%f",
    "dots": "%Y-%m-%d-%H.%M.%S.%f",
    "German": "%d.%m.%Y %H:%M:%S",
    "compact": "%Y%m%dT%H%M%SZ",
}
VALUES = st.one_of(
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["true", "False", "-", "?", "0x1f", "007", "1.10", "+5", " 7", "1e999", "１"]),
    st.sampled_from(sorted(WRITTEN.values())).flatmap(
        lambda form: INSTANTS.map(lambda instant: instant.strftime(form))
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
)


def cast(values: list[str], name: str = "value") -> tuple[str, list[object]]:
    """The inferred type, and what DuckDB makes of the values by the inferred definition."""
    found = infer(values, name)
    constants = {"@time_zone": "'UTC'", "@day": "'2026-03-01'"}
    definition = found.definition.replace("$1", "value")
    for number, raw in enumerate(found.needs, start=2):
        definition = definition.replace(f"${number}", constants[raw])
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE TABLE t (n INTEGER, value VARCHAR)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", list(enumerate(values)))
        rows = connection.execute(
            f"SELECT CAST(({definition}) AS {found.data_type}) FROM t ORDER BY n"
        ).fetchall()
    return found.data_type, [value for (value,) in rows]


@given(st.lists(VALUES, min_size=1, max_size=8))
def test_every_value_can_be_cast_to_the_type_of_all(values: list[str]) -> None:
    data_type, given_back = cast(values)
    for value, back in zip(values, given_back, strict=True):
        if back is None:
            assert value in ("-", "?"), f"{value!r} is lost as {data_type}"
        elif data_type == "VARCHAR":
            assert back == value
        elif data_type == "BIGINT":
            assert str(back) == value.replace("-0", "0")
        elif data_type == "DOUBLE":
            assert back == float(value)
        elif data_type == "BOOLEAN":
            assert str(back).lower() == value.lower()


@given(st.lists(st.integers(-(10**17), 10**17).map(str), min_size=1))
def test_whole_numbers_are_bigint(values: list[str]) -> None:
    assert cast(values)[0] == "BIGINT"


@pytest.mark.parametrize("form", WRITTEN.values(), ids=WRITTEN.keys())
@given(instants=st.lists(INSTANTS, min_size=1, max_size=5))
def test_times_are_read_as_they_were_meant(form: str, instants: list[datetime]) -> None:
    values = [instant.strftime(form) for instant in instants]
    data_type, given_back = cast(values)
    meant = [datetime.strptime(value, form).replace(tzinfo=UTC) for value in values]
    assert data_type == "TIMESTAMP"
    assert [value.replace(tzinfo=UTC) for value in given_back] == meant


@pytest.mark.parametrize(
    ("values", "data_type"),
    [
        (["1", "-", "22"], "BIGINT"),
        (["0.5", "3"], "DOUBLE"),
        (["007", "12"], "VARCHAR"),
        (["1.1", "1.0"], "DOUBLE"),
        (["true", "false"], "BOOLEAN"),
        (["true", "1"], "VARCHAR"),
        (["12345678901234567890123"], "VARCHAR"),
        (["10.0.0.1"], "VARCHAR"),
        (["-"], "VARCHAR"),
        (["1600000000", "1600000001"], "BIGINT"),
    ],
)
def test_what_looks_like_a_type_is_one_only_if_nothing_is_lost(
    values: list[str], data_type: str
) -> None:
    assert infer(values).data_type == data_type


def test_a_version_is_no_fraction() -> None:
    assert infer(["1.1", "1.0"], "http_version").data_type == "VARCHAR"
