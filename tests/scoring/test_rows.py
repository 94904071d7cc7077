"""Rows of numbers: numeric features as they are, texts as a column a category."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.errors import InputError
from whetstone.scoring.encoding import encoding_of
from whetstone.scoring.encoding.rows import Rows

TEXTS = st.sampled_from(["tcp", "udp", "icmp", "", "ünïcode"]) | st.none()
UNITS = st.lists(st.tuples(st.floats(width=32) | st.none(), TEXTS, st.booleans() | st.none()))


def table(units: list) -> pa.Table:
    size, proto, open_ = zip(*units, strict=True) if units else ((), (), ())
    columns = {
        "size": pa.array(size, pa.float64()),
        "proto": pa.array(proto, pa.string()),
        "open": pa.array(open_, pa.bool_()),
    }
    return pa.table(columns)


@given(UNITS)
def test_each_unit_has_its_numbers_and_the_column_of_its_category(units: list) -> None:
    encoding = Rows(("size", "proto", "open"), {"proto": ("tcp", "udp")})
    assert encoding.names == ("size", "proto=tcp", "proto=udp", "proto=?", "open")
    nan = float("nan")
    expected = [
        [
            nan if size is None else size,
            proto == "tcp",
            proto == "udp",
            proto not in ("tcp", "udp"),
            nan if open_ is None else open_,
        ]
        for size, proto, open_ in units
    ]
    encoded = encoding.encode(table(units))
    np.testing.assert_array_equal(encoded, np.array(expected, np.float32).reshape(-1, 5))


def test_more_units_than_are_filled_at_once_keep_their_order() -> None:
    number = np.arange(10_000)
    units = pa.table({"text": [f"t{n % 7}" for n in number], "n": number})
    encoding = Rows.fitted(units)
    encoded = encoding.encode(units)
    np.testing.assert_array_equal(encoded[:, 8], number)
    np.testing.assert_array_equal(encoded[:, :8].argmax(axis=1), number % 7)
    assert (encoded[:, :8].sum(axis=1) == 1).all()


def test_the_most_frequent_texts_get_a_column_each_and_the_rest_share_one() -> None:
    common = [f"v{at:03}" for at in range(44, 300)]
    units = pa.table({"text": [f"v{at:03}" for at in range(300)] + common})
    encoding = Rows.fitted(units)
    assert encoding.categories == {"text": tuple(common)}
    shared = encoding.encode(pa.table({"text": ["v043", "never seen", "v044"]}))
    np.testing.assert_array_equal(shared[:, -1], [1, 1, 0])


def test_the_order_of_units_does_not_change_the_categories() -> None:
    values = ["b", "a", None, "c", "a", "b"]
    fitted = [Rows.fitted(pa.table({"text": given})) for given in (values, values[::-1])]
    assert fitted[0] == fitted[1] == Rows(("text",), {"text": ("a", "b", "c")})


def test_a_text_column_without_any_text_has_the_column_of_the_unknown_alone() -> None:
    units = pa.table({"text": pa.array([None, None], pa.string())})
    encoding = Rows.fitted(units)
    assert encoding.names == ("text=?",)
    np.testing.assert_array_equal(encoding.encode(units), [[1], [1]])


def test_a_spec_survives_json() -> None:
    encoding = Rows(("n", "text"), {"text": ("", "ü", '"')})
    assert encoding_of(json.loads(json.dumps(encoding.spec()))) == encoding


def test_a_number_where_training_had_a_text_is_refused() -> None:
    encoding = Rows(("text",), {"text": ("a",)})
    with pytest.raises(InputError, match="Feature text is int64; the model learned it as text"):
        encoding.encode(pa.table({"text": [1, 2]}))


def test_a_text_where_training_had_a_number_is_refused() -> None:
    with pytest.raises(InputError, match="Feature n is string; the model takes numbers"):
        Rows(("n",), {}).encode(pa.table({"n": ["1"]}))
