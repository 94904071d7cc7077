"""What stands before the message of a line is found, whatever the program calls it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.catalog.patterns import group_names
from whetstone.catalog.sandbox import binding_problem
from whetstone.proposing.lines import line_pattern
from whetstone.sql import literal

WORDS = ("connection refused", "user: 7 logged in", "[x] done", "cache=3, ok", "- none", "")
TIMES = ("2026-03-01 10:00:0{n},123", "Mar  1 10:00:0{n}", "260301 10000{n}", "160000000{n}.5")


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize(
    ("head", "groups"),
    [
        ("{time} INFO [main] a.b.C: ", ["time", "level", "part", "component", "message"]),
        ("[{time}] [error] ", ["time", "level", "message"]),
        ("{time} host{n} app[1{n}]: ", ["time", "word", "program", "pid", "message"]),
        ("{time}|Part{n}|30{n}|", ["time", "part", "part_2", "message"]),
        ("{time} - WARN  - ", ["time", "level", "message"]),
        ("x{n} {time} ", ["part", "time", "message"]),
    ],
)
def test_the_pieces_of_a_head_get_names(time: str, head: str, groups: list[str]) -> None:
    lines = [
        head.format(time=time.format(n=n % 10), n=n) + WORDS[n % len(WORDS)] for n in range(60)
    ]
    found = line_pattern(lines)
    assert [name for name in group_names(found.pattern) if name] == groups
    assert all(re.fullmatch(found.pattern, line) for line in lines)


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0")),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from(TIMES),
    st.booleans(),
)
def test_any_text_gives_a_pattern_that_re2_takes_and_that_almost_all_lines_match(
    texts: list[str], time: str, timed: bool
) -> None:
    lines = [
        f"{time.format(n=n % 10)} {text}" if timed else text
        for n, text in enumerate(texts)
        if text or timed
    ] or ["x"]
    found = line_pattern(lines)
    assert sum(re.match(found.pattern, line, re.DOTALL) is not None for line in lines) >= 0.9 * len(
        lines
    )
    names = [name for name in group_names(found.pattern) if name]
    assert len(set(names)) == len(names)
    listed = ", ".join(literal(name) for name in names)
    assert (
        binding_problem(f"SELECT regexp_extract('', {literal(found.pattern)}, [{listed}])") is None
    )


def test_a_word_that_only_the_sample_repeats_is_not_written_into_the_pattern() -> None:
    lines = [f"web1 2026-03-01 10:00:0{n % 10} INFO ready {n}" for n in range(40)]
    assert "web1" not in line_pattern(lines).pattern
