"""From columns of units to tensors: sequences, their batches, and specs that survive a release."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.errors import InputError
from whetstone.scoring.batches import batches, distinct, padded_length
from whetstone.scoring.encoding import FIRST_KNOWN, UNKNOWN, Ragged, encoding_of
from whetstone.scoring.encoding.keys import Keys
from whetstone.scoring.encoding.rows import Rows
from whetstone.scoring.encoding.texts import Texts

LISTS = st.lists(st.lists(st.sampled_from("abcdef"), max_size=20) | st.none(), max_size=30)


def keys(lists: list) -> pa.Table:
    return pa.table({"events": pa.array(lists, pa.list_(pa.string()))})


def texts(values: list) -> pa.Table:
    return pa.table({"value": pa.array(values, pa.string())})


@given(LISTS, st.integers(1, 25))
def test_keys_are_numbered_by_the_vocabulary_and_cut_at_the_longest(lists: list, longest: int):
    vocabulary = ("a", "b", "d")
    encoded = Keys("events", vocabulary, longest).encode(keys(lists))
    for at, given_keys in enumerate(lists):
        expected = [
            vocabulary.index(key) + FIRST_KNOWN if key in vocabulary else UNKNOWN
            for key in (given_keys or [])[:longest]
        ]
        assert encoded.unit(at).tolist() == expected


@given(st.lists(st.text(max_size=30) | st.none(), max_size=20), st.integers(1, 40))
def test_characters_are_numbered_by_the_vocabulary(values: list, longest: int):
    vocabulary = tuple(sorted("aeiou é😀"))
    encoded = Texts("value", vocabulary, longest).encode(texts(values))
    for at, text in enumerate(values):
        expected = [
            vocabulary.index(c) + FIRST_KNOWN if c in vocabulary else UNKNOWN
            for c in (text or "")[:longest]
        ]
        assert encoded.unit(at).tolist() == expected


@given(st.lists(st.lists(st.integers(2, 9), max_size=40), min_size=1, max_size=60))
def test_batches_hold_every_unit_once_padded_by_its_own_length(units: list[list[int]]):
    lengths = [len(unit) for unit in units]
    ragged = Ragged(
        np.array([value for unit in units for value in unit], dtype=np.int64),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
    )
    seen: list[int] = []
    for batch in batches([ragged]):
        tensor, given_lengths = batch.tensor(ragged)
        assert len(tensor) % 16 == 0
        for row, unit in enumerate(batch.units):
            assert tensor.shape[1] == padded_length(lengths[unit])
            assert tensor[row].tolist() == units[unit] + [0] * (tensor.shape[1] - lengths[unit])
            assert given_lengths[row] == lengths[unit]
        seen += batch.units.tolist()
    assert sorted(seen) == list(range(len(units)))


@given(LISTS)
def test_distinct_units_stand_for_all(lists: list):
    encoded = Keys("events", tuple("abc"), 20).encode(keys(lists))
    (kept,), equals = distinct([encoded])
    assert isinstance(kept, Ragged)
    numbers = range(len(encoded)) if equals is None else equals
    assert len({tuple(kept.unit(at)) for at in range(len(kept))}) == len(kept)
    for at, number in enumerate(numbers):
        assert kept.unit(int(number)).tolist() == encoded.unit(at).tolist()


def test_a_text_column_has_a_column_for_each_category_and_one_for_the_rest():
    units = pa.table({"n": [1.5, None], "service": ["http", "dns"]})
    rows = Rows.fitted(units)
    assert rows.names == ("n", "service=dns", "service=http", "service=?")
    unseen = pa.table({"n": [0, 0, 0], "service": ["ftp", None, "http"]})
    assert rows.encode(unseen).tolist() == [[0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 1, 0]]


@pytest.mark.parametrize(
    "encoding",
    [
        Rows(("a", "b"), {"b": ("x", "y")}),
        Keys("events", ("a", "b"), 64),
        Texts("value", ("a", "b"), 64),
    ],
)
def test_a_spec_brings_the_encoding_back(encoding):
    assert encoding_of(json.loads(json.dumps(encoding.spec()))) == encoding


@pytest.mark.parametrize("spec", [{}, {"kind": "rows"}, {"kind": "keys", "column": "a"}])
def test_a_spec_of_nothing_is_refused(spec: dict):
    with pytest.raises(InputError):
        encoding_of(spec)
