"""What is known of a pattern before it runs holds when RE2 runs it."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whetstone.catalog.patterns import capturing_only, certain_group, group_names

CERTAIN = [
    (r"^(?P<a>\d+) (?P<b>.*)$", "a"),
    (r"^(?P<a>.*)(?P<b>x+)$", "b"),
    (r"(?i)(?P<a>x(y|z)?)", "a"),
    (r"^(?P<a>a|b)c?", "a"),
    (r"(?P<a>[)(a])b?", "a"),
    (r"\((?P<a>a)\)", "a"),
]
UNSURE = [
    r"(?P<a>a)|(?P<b>b)",
    r"(?P<a>a)?b",
    r"(?P<a>a){0,2}",
    r"((?P<a>a))",
    r"(?P<a>a|)",
    r"(?P<a>\b)a",
    r"(?P<a>[[:alpha:]]*)",
    r"(?P<a>\pL*)",
    r"(?P<a>a*)",
    r"^$",
]
TEXT = st.text(st.sampled_from("ab01xyzXYZc() \n"), max_size=6)


@pytest.mark.parametrize(("pattern", "group"), CERTAIN)
def test_a_group_that_every_match_fills_is_found(pattern: str, group: str) -> None:
    assert certain_group(pattern) == group


@pytest.mark.parametrize("pattern", UNSURE)
def test_no_group_is_certain_where_one_may_match_nothing(pattern: str) -> None:
    assert certain_group(pattern) is None


@pytest.mark.parametrize(("pattern", "group"), CERTAIN)
@settings(max_examples=30)
@given(text=TEXT)
def test_a_certain_group_is_empty_exactly_where_the_pattern_does_not_match(
    pattern: str, group: str, text: str
) -> None:
    only = capturing_only(pattern, {group})
    assert group_names(only) == [group]
    found, matches = duckdb.execute(
        "SELECT regexp_extract($1, $2, 1), regexp_matches($1, $3)", [text, only, pattern]
    ).fetchall()[0]
    assert (found != "") == matches


def test_groups_that_nobody_wants_capture_nothing_and_the_others_the_same() -> None:
    pattern = r"^(?P<a>\w+) (x|\(|[(]) (?P<b>\d(?P<c>\d))$"
    only = capturing_only(pattern, {"a", "c"})
    assert only == r"^(?P<a>\w+) (?:x|\(|[(]) (?:\d(?P<c>\d))$"
    sql = "SELECT regexp_extract('ab ( 12', $1, $2), regexp_extract('ab ( 12', $3, $4)"
    assert duckdb.execute(sql, [pattern, 4, only, 2]).fetchall() == [("2", "2")]
