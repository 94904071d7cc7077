"""Near-duplicates are those that comparing all with all finds, whatever the features are."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.evaluation.near_duplicates import SIMILAR, near_duplicates
from detectors.evaluation.token_sets import token_sets


def by_brute_force(units: pa.Table, similar: float = SIMILAR) -> set[tuple[int, int]]:
    sets = token_sets(units)
    tokens = [
        set(sets.tokens[sets.offsets[at] : sets.offsets[at + 1]].tolist())
        for at in range(len(sets))
    ]
    return {
        (one, other)
        for one in range(len(tokens))
        for other in range(one + 1, len(tokens))
        if len(tokens[one] & tokens[other]) >= similar * len(tokens[one] | tokens[other])
    }


def found(units: pa.Table) -> set[tuple[int, int]]:
    near = near_duplicates(units)
    linked = {tuple(pair) for pair in near.pairs.tolist()}
    codes = near.same.tolist()
    return {
        (one, other)
        for one in range(len(codes))
        for other in range(one + 1, len(codes))
        if codes[one] == codes[other] or tuple(sorted((codes[one], codes[other]))) in linked
    }


def edited(n: int, edits: int, length: int = 60, seed: int = 0) -> pa.Table:
    """Sequences of which many are an edit or a few apart."""
    random = np.random.default_rng(seed)
    bases = random.integers(0, 20, (8, length))
    rows = bases[random.integers(0, 8, n)]
    for row in rows:
        row[random.integers(0, length, random.integers(0, edits + 1))] = random.integers(0, 20)
    return pa.table({"keys": [[f"E{key}" for key in row] for row in rows]})


@pytest.mark.parametrize("edits", [1, 3])
def test_pairs_are_those_of_comparing_all_with_all(edits: int) -> None:
    units = edited(300, edits)
    expected = by_brute_force(units)
    assert len(expected) > 300
    assert found(units) <= expected
    assert len(found(units)) >= 0.995 * len(expected)


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.floats(allow_nan=True), st.integers(-5, 5).map(float)),
            st.sampled_from(["ssh", "dns", None]),
            st.booleans(),
            st.one_of(st.none(), st.lists(st.integers(0, 2), max_size=4)),
        ),
        max_size=25,
    )
)
def test_units_without_values_or_of_few_are_compared_like_all_others(
    rows: list[tuple[float | None, str | None, bool, list[int] | None]],
) -> None:
    kinds = (pa.float64(), pa.string(), pa.bool_(), pa.list_(pa.int64()))
    columns = [pa.array([row[at] for row in rows], kind) for at, kind in enumerate(kinds)]
    units = pa.table(dict(zip(("number", "name", "flag", "keys"), columns, strict=True)))
    assert found(units) == by_brute_force(units)


def test_free_texts_are_near_by_what_they_have_in_common() -> None:
    words = "/".join(f"{first}{second}" for first in "abcdefgh" for second in "KLMNOP")
    texts = [f"/shop/{words}?session={n:03d}" for n in range(300)]
    near = near_duplicates(pa.table({"path": [*texts, "/login", "/admin.php?cmd=id"]}))
    groups = near.groups().tolist()
    assert len(set(groups[:300])) == 1
    assert len(set(groups)) == 3


def test_a_unit_is_beside_others_and_not_beside_itself() -> None:
    units = edited(200, 2)
    pairs = by_brute_force(units)
    mask = np.arange(200) % 3 == 0
    partners: dict[int, list[int]] = {at: [] for at in range(200)}
    for one, other in pairs:
        partners[one].append(other)
        partners[other].append(one)
    expected = [any(mask[other] for other in partners[at]) for at in range(200)]
    assert near_duplicates(units).beside(mask).tolist() == expected


def test_of_a_crowd_all_are_in_one_group() -> None:
    units = edited(2_000, 1)
    assert len(set(near_duplicates(units).groups().tolist())) == 8
