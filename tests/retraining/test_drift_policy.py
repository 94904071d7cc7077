"""What a drift policy makes of the verdicts of days."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st

from whetstone.catalog.catalog_pb2 import Action, Detector
from whetstone.retraining.policy import PATIENCE, Decision, DriftDay, decide

FIRST = date(2026, 3, 1)
LETTERS = {"d": "drift", "w": "warn", "o": "ok", "?": "unknown"}
STORIES = st.text("dwo?-", max_size=40)


def story(letters: str, release: str = "1", signal: str = "features") -> list[DriftDay]:
    """A day a letter from the first of March on; `-`: no data."""
    return [
        DriftDay(FIRST + timedelta(n), release, {signal: LETTERS[letter]})
        for n, letter in enumerate(letters)
        if letter != "-"
    ]


def detector(*rules: str) -> Detector:
    """Rules such as "FEATURES 3 RETRAIN"."""
    asked = [rule.split() for rule in rules]
    lines = [f"rules {{ signal: {one} days: {two} action: {three} }}" for one, two, three in asked]
    return text_format.Parse(f'name: "brute" drift {{ {" ".join(lines)} }}', Detector())


def weight(letters: str) -> float:
    return letters.count("d") + letters.count("w") / 2


def decided(letters: str, rule: str = "FEATURES 3 HOLD", today: date | None = None) -> bool:
    day = today or FIRST + timedelta(len(letters))
    return bool(decide(detector(rule), story(letters), day))


def looked_at_daily(letters: str, rule: str = "FEATURES 2 RETRAIN") -> list[date]:
    """The days up to which retrainings look, when every day is looked at once it is over."""
    called: list[date] = []
    for n in range(1, len(letters) + 1):
        today = FIRST + timedelta(n)
        found = decide(detector(rule), story(letters), today, {"features": called})
        called += [decision.day for decision in found]
    return called


@pytest.mark.parametrize(
    ("letters", "stands"),
    [
        ("dd", False),
        ("ddd", True),
        ("ddw", False),
        ("ddww", True),
        ("wdwd", True),
        ("wwwww", False),
        ("wwwwww", True),
        ("wwwwwo", False),
        ("dodd", False),
        ("d?-dd", True),
        ("dddwww", True),
        ("dddoo", True),
        ("dddoodoo", True),
        ("dddooo", False),
        ("dddowoo", True),
        ("dddooodd", False),
        ("d------dd", True),
        ("d-------dd", False),
        ("ddd-------o", False),
    ],
)
def test_a_streak_stands_after_the_days_of_its_rule_and_ends_after_as_many(
    letters: str, stands: bool
) -> None:
    assert decided(letters) is stands


def test_a_decision_tells_what_it_is_about() -> None:
    [decision] = decide(
        detector("ALERT_RATE 2 PAGE"), story("oddw", signal="alert_rate"), FIRST + timedelta(4)
    )
    assert decision == Decision(
        Action.PAGE,
        "brute",
        "alert_rate",
        FIRST + timedelta(1),
        FIRST + timedelta(3),
        "alert rate drifted on 2 days and was off on 1 day from 2026-03-02 to 2026-03-04",
    )
    assert decision.key == "drift:brute:alert_rate:2026-03-02"


def test_the_day_that_is_not_over_says_nothing() -> None:
    assert not decided("ddd", today=FIRST + timedelta(2))
    assert decided("ddd", today=FIRST + timedelta(3))


def test_a_backfill_of_old_days_calls_for_nothing() -> None:
    assert decided("ddd", today=FIRST + timedelta(9))
    assert not decided("ddd", today=FIRST + timedelta(10))
    assert not decided("ddd" + 30 * "-" + "oooo")


def test_only_the_signal_of_the_rule_counts() -> None:
    assert not decided("dddd", "SCORES 3 HOLD")


def test_a_streak_is_retrained_for_once() -> None:
    assert looked_at_daily("oddddddd") == [FIRST + timedelta(2)]


def test_a_signal_that_wavers_is_retrained_for_once() -> None:
    assert looked_at_daily("ddodowdodwdo", "FEATURES 2 RETRAIN") == [FIRST + timedelta(1)]


def test_after_the_streak_has_ended_another_is_retrained_for() -> None:
    assert looked_at_daily("ddoodd") == [FIRST + timedelta(1), FIRST + timedelta(5)]


def test_drift_that_persists_calls_again_after_four_times_the_days() -> None:
    times = [FIRST + timedelta(1 + 2 * PATIENCE * n) for n in range(3)]
    assert looked_at_daily(20 * "d") == times


def test_days_compared_with_an_earlier_release_call_for_nothing() -> None:
    before, after = story("dd", "1"), story("--d", "2")
    rule = detector("FEATURES 2 RETRAIN")
    assert not decide(rule, [*before, *after], FIRST + timedelta(3))
    later = story("---d", "2")
    assert decide(rule, [*before, *after, *later], FIRST + timedelta(4))


@given(STORIES, st.integers(1, 5))
def test_less_drift_than_the_rule_asks_for_never_stands(letters: str, days: int) -> None:
    if decided(letters, f"FEATURES {days} HOLD"):
        assert weight(letters) >= days


@given(STORIES, st.integers(1, 4))
def test_days_that_say_nothing_change_nothing(letters: str, days: int) -> None:
    rule = f"FEATURES {days} HOLD"
    assert decided(letters.replace("?", "-") + "w", rule) == decided(letters + "w", rule)


@given(STORIES, st.integers(1, 4))
def test_as_many_calm_days_as_the_rule_has_end_it(letters: str, days: int) -> None:
    assert not decided(letters + days * "o", f"FEATURES {days} HOLD")


@given(STORIES, st.integers(1, 4))
def test_as_many_days_of_drift_make_it_stand(letters: str, days: int) -> None:
    assert decided(letters + days * "d", f"FEATURES {days} HOLD")


@given(STORIES, st.integers(1, 3))
def test_no_look_is_needed_twice_and_none_comes_too_soon(letters: str, days: int) -> None:
    called = looked_at_daily(letters, f"FEATURES {days} RETRAIN")
    assert called == sorted(set(called))
    for before, after in pairwise(called):
        between = letters[(before - FIRST).days + 1 : (after - FIRST).days + 1]
        assert weight(between) >= days
        calm = between.replace("?", "").replace("-", "")
        ended = "o" * days in calm or "-" in between or "?" in between
        assert ended or weight(between) >= PATIENCE * days


@given(STORIES, st.randoms())
def test_the_order_in_which_days_are_read_does_not_matter(letters: str, random: object) -> None:
    days: Sequence[DriftDay] = story(letters)
    shuffled = list(days)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    today, rule = FIRST + timedelta(len(letters)), detector("FEATURES 2 HOLD", "FEATURES 3 RETRAIN")
    assert decide(rule, days, today) == decide(rule, shuffled, today)
