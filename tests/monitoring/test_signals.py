"""Signals beside features and scores: volume, templates, the mix of verdicts."""

from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from monitoring.drift.judgement import Side, Signal, Thresholds
from monitoring.drift.labels import labels_signal
from monitoring.drift.messages import templates_signal
from monitoring.drift.volume import volume_signal
from monitoring.drift.window import window_of
from monitoring.sketches import Day, Part, Sketch, sketch_events
from whetstone.parsing.templates import TemplateDictionary

FRIDAY = date(2026, 11, 20)
LIMITS = Thresholds()


def day_before(days: int) -> str:
    return (FRIDAY - timedelta(days)).isoformat()


def traffic(day: str, units: float, environments: tuple[str, ...] = ("berlin",)) -> Day:
    parts = {name: Part(round(units / len(environments))) for name in environments}
    return Day(day, Sketch(Part(round(units)), parts))


def fortnight(spread: float = 0.1, seed: int = 1) -> list[Day]:
    """Fourteen days; at weekends a third of the traffic; counts vary more than Poisson's."""
    random = np.random.default_rng(seed)
    days = [day_before(n) for n in range(14, 0, -1)]
    return [traffic(d, _usual(d) * np.exp(spread * random.standard_normal())) for d in days]


def _usual(day: str) -> float:
    return 3_000 if date.fromisoformat(day).weekday() >= 5 else 9_000


def volume(units: float, window: list[Day], day: str = FRIDAY.isoformat()) -> Side:
    signal, _ = volume_signal(traffic(day, units), window_of(window, day), LIMITS)
    assert signal.window is not None
    return signal.window


def test_a_weekend_is_nothing_unusual_but_weekend_traffic_on_a_friday_is() -> None:
    saturday = (FRIDAY + timedelta(1)).isoformat()
    window = [*fortnight()[1:], traffic(FRIDAY.isoformat(), 9_000)]
    assert volume(3_000, window, saturday).verdict == "ok"
    assert volume(3_000, fortnight()).verdict == "warn"


@pytest.mark.parametrize("seed", range(20))
def test_traffic_that_doubles_is_drift_on_the_second_day_and_on_those_after(seed: int) -> None:
    window = fortnight(seed=seed)
    assert volume(18_000, window).verdict != "drift"
    for ago in (1, 2):
        window[-ago] = traffic(day_before(ago), 18_000)
        assert volume(18_000, window).verdict == "drift"


def test_days_that_vary_as_days_do_are_seldom_drift() -> None:
    random = np.random.default_rng(5)
    units = 9_000 * np.exp(0.2 * random.standard_normal(400))
    found = [volume(each, fortnight(0.2, seed)).verdict for seed, each in enumerate(units)]
    assert found.count("drift") <= 2


@pytest.mark.parametrize("odd", [7, 3, 1])
def test_one_odd_day_before_is_neither_expected_again_nor_an_excuse(odd: int) -> None:
    window = fortnight()
    window[-odd] = traffic(day_before(odd), 90_000)
    assert volume(9_000, window).verdict == "ok"
    assert volume(20_000, window).verdict in ("warn", "drift")


def test_an_environment_that_falls_silent_is_named() -> None:
    sites = ("berlin", "oslo")
    window = [traffic(day_before(n), 9_000, sites) for n in range(14, 0, -1)]
    current = Day(FRIDAY.isoformat(), Sketch(Part(4_500), {"berlin": Part(4_500)}))
    _, changes = volume_signal(current, window_of(window, current.day), LIMITS)
    assert [(change.environment, change.units) for change in changes] == [("oslo", 0)]
    assert changes[0].severity < -1


KNOWN = ("session opened", "session closed", "login failed", "login from <*>")
DICTIONARY = TemplateDictionary({text: text for text in KNOWN})


def messages(day: str, **more: int) -> Day:
    counts = {"session opened": 400, "session closed": 390, "login failed": 200} | {
        text.replace("_", " "): rows for text, rows in more.items()
    }
    events = sketch_events({"berlin": {k: v for k, v in counts.items() if v}}, {}, {})
    return Day(day, Sketch(Part(0)), events)


USUAL = [messages(day_before(n)) for n in range(14, 0, -1)]


def templates(
    current: Day, dictionary: TemplateDictionary | None = DICTIONARY
) -> tuple[Signal, list[tuple[str, str]]]:
    signal, changes = templates_signal(current, window_of(USUAL, current.day), dictionary, LIMITS)
    return signal, [(change.kind, change.text) for change in changes]


def test_the_usual_messages_are_no_drift() -> None:
    signal, changes = templates(messages(FRIDAY.isoformat()))
    assert signal.verdict == "ok"
    assert changes == []


def test_messages_of_a_new_version_are_unknown_and_new_and_the_old_ones_vanish() -> None:
    current = messages(FRIDAY.isoformat(), login_failed=0, login_refused=200)
    signal, changes = templates(current)
    assert signal.reference is not None
    assert signal.window is not None
    assert (signal.reference.verdict, signal.window.verdict) == ("drift", "drift")
    assert signal.reference.value == pytest.approx(200 / 990)
    assert changes == [("vanished", "login failed"), ("new", "login refused")]


def test_a_template_that_the_dictionary_knows_may_still_be_new_to_these_days() -> None:
    current = messages(FRIDAY.isoformat(), **{"login_from_<*>": 200})
    signal, changes = templates(current)
    assert signal.reference is not None
    assert signal.window is not None
    assert (signal.reference.verdict, signal.window.verdict) == ("ok", "drift")
    assert changes == [("new", "login from <*>")]


def test_a_rare_message_of_an_unknown_kind_is_no_drift() -> None:
    assert templates(messages(FRIDAY.isoformat(), oddity=5))[0].verdict == "ok"


def test_without_a_dictionary_the_days_before_are_all_there_is() -> None:
    signal, _ = templates(messages(FRIDAY.isoformat(), login_refused=200), None)
    assert signal.reference == Side("unknown", None, "not computable: no templates have been mined")
    assert signal.verdict == "drift"


def test_a_source_without_messages_has_no_such_signal() -> None:
    signal, _ = templates(Day(FRIDAY.isoformat(), Sketch(Part(10))))
    assert signal.verdict == "unknown"


def given_verdicts(*runs: tuple[int, int, str]) -> pa.Table:
    """Verdicts of (days before, how many, which)."""
    noon = datetime.combine(FRIDAY, datetime.min.time()) + timedelta(hours=12)
    rows = [(noon - timedelta(ago), verdict) for ago, count, verdict in runs for _ in range(count)]
    at = pa.array([at for at, _ in rows], pa.timestamp("us"))
    return pa.table({"at": at, "verdict": pa.array([verdict for _, verdict in rows], pa.string())})


def labels(*runs: tuple[int, int, str]) -> Signal:
    return labels_signal(given_verdicts(*runs), FRIDAY.isoformat(), LIMITS)


def test_the_same_mix_of_verdicts_is_no_drift() -> None:
    mixed = [(days, 10, what) for days in (1, 3, 10, 20) for what in ("tp", "fp")]
    assert labels(*mixed).verdict == "ok"


def test_alerts_that_turn_out_false_this_week_are_drift() -> None:
    found = labels(
        (20, 60, "true_positive"), (20, 20, "fp"), (2, 10, "true_positive"), (2, 50, "fp")
    )
    assert found.verdict == "drift"
    assert found.worse.detail in ("fp 25% → 83%", "true_positive 75% → 17%")


def test_verdicts_given_after_the_day_do_not_count() -> None:
    assert labels((20, 60, "tp"), (-1, 60, "fp")).worse.detail == (
        "not computable: 0 verdicts in 7 days, 60 before; 20 needed on both sides"
    )
