"""Rows of open units, beside a dictionary of lists."""

from collections import defaultdict

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from whetstone.streaming.rows import UnitRows, ranges

SCHEMA = pa.schema([("value", pa.int64())])
BATCHES = st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=12), max_size=12)


def filled(batches: list[list[int]]) -> tuple[UnitRows, dict[int, list[int]]]:
    """Rows that are numbered in order of arrival, and the same in a dictionary."""
    rows, expected = UnitRows(SCHEMA), defaultdict[int, list[int]](list)
    arrived = 0
    for units in batches:
        values = list(range(arrived, arrived + len(units)))
        arrived += len(units)
        rows.add(np.array(units), pa.table({"value": values}, schema=SCHEMA))
        for unit, value in zip(units, values, strict=True):
            expected[unit].append(value)
    return rows, expected


@given(BATCHES, st.permutations(range(8)))
def test_a_unit_has_its_rows_in_order_of_arrival(
    batches: list[list[int]], asked: list[int]
) -> None:
    rows, expected = filled(batches)
    table, bounds = rows.of(np.array(asked))
    values = table["value"].to_pylist()
    for at, unit in enumerate(asked):
        assert values[bounds[at] : bounds[at + 1]] == expected[unit]
    assert len(rows) == sum(map(len, expected.values()))


@given(BATCHES, st.sets(st.integers(0, 6)))
def test_dropped_units_have_no_rows_and_the_others_keep_theirs(
    batches: list[list[int]], gone: set[int]
) -> None:
    rows, expected = filled(batches)
    rows.drop(np.array(sorted(gone), np.int64))
    table, units = rows.everything()
    kept = defaultdict[int, list[int]](list)
    for unit, value in zip(units.tolist(), table["value"].to_pylist(), strict=True):
        kept[unit].append(value)
    assert kept == {unit: values for unit, values in expected.items() if unit not in gone}


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), max_size=20))
def test_ranges_are_those_of_python(pairs: list[tuple[int, int]]) -> None:
    starts, counts = (np.array([pair[at] for pair in pairs], np.int64) for at in (0, 1))
    expected = [number for start, count in pairs for number in range(start, start + count)]
    assert ranges(starts, counts).tolist() == expected
