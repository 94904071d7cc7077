"""What looks alike has the same pattern, whoever it is about."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.queue import pattern_of

_parts = st.lists(
    st.fixed_dictionaries(
        {
            "feature": st.sampled_from(["failures", "path"]),
            "value": st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
            "contribution": st.none() | st.floats(),
        },
        optional={"position": st.integers(0, 9)},
    ),
    max_size=8,
    unique_by=lambda part: (part["feature"], part.get("position")),
)


def part(feature: str, value: Any, contribution: float = 1.0, **more: Any) -> dict[str, Any]:
    return {"feature": feature, "value": value, "contribution": contribution, **more}


def tokens(*values: str) -> list[dict[str, Any]]:
    return [part("path", value, position=place) for place, value in enumerate(values)]


@pytest.mark.parametrize(
    ("value", "title"),
    [
        (0, "n 0"),
        (1.0, "n 1"),
        (31, "n 16–31"),
        (32.0, "n 32–63"),
        (-3.5, "n -2–3"),
        (0.3, "n 0.25–0.5"),
        (True, "n 1"),
        (None, "n none"),
        (float("nan"), "n none"),
        ("GET /a?id=17 HTTP", "n: / 0 = ? a get"),
        ("", "n: empty"),
    ],
)
def test_values_are_as_coarse_as_their_titles(value: Any, title: str) -> None:
    assert pattern_of("d", [part("n", value)]).title == title


def test_only_what_carries_most_of_the_score_counts() -> None:
    whole = [part("failures", 30, 0.6), part("users", 9, 0.3), part("hour", 3, -0.5)]
    assert pattern_of("d", whole) == pattern_of("d", whole[:1])
    even = [part("failures", 30, 0.5), part("users", 9, 0.5)]
    assert pattern_of("d", even).title == "failures 16–31, users 8–15"


def test_where_nothing_raises_the_score_what_lowers_it_most_is_what_it_looks_like() -> None:
    assert pattern_of("d", [part("a", 3, -2.0), part("b", 3, -0.1)]).title == "a 2–3"
    assert pattern_of("d", [part("a", 3, 0.0)]).title == "a 2–3"
    assert pattern_of("d", []).title == "no explanation"


def test_a_sequence_is_the_set_of_its_weightiest_tokens() -> None:
    assert pattern_of("d", tokens("union", "select", "1")).title == "path: 1 select"
    assert pattern_of("d", tokens("e20", "e21")) != pattern_of("d", tokens("e20", "e22"))
    assert pattern_of("d", tokens("UNION", "a")) == pattern_of("d", tokens("b", "union"))
    assert pattern_of("d", tokens("order123456")) == pattern_of("d", tokens("order99999999"))


def test_detectors_have_patterns_of_their_own() -> None:
    assert pattern_of("a", [part("n", 1)]).key != pattern_of("b", [part("n", 1)]).key


@given(_parts, st.randoms(use_true_random=False))
def test_any_explanation_has_a_pattern_in_whatever_order_it_comes(
    parts: list[dict[str, Any]], chance: Any
) -> None:
    found = pattern_of("d", parts)
    chance.shuffle(parts)
    assert len(found.key) == 32
    assert len(found.title) < 2_000
    assert pattern_of("d", parts) == found
