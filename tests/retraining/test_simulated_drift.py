"""The default policy over the real drift computation, on a simulated platform."""

from collections.abc import Sequence

import pytest

from benchmarks.drift import LEARNED_DAYS, Watch, policy
from benchmarks.drift_world import World
from whetstone.catalog.catalog_pb2 import Action

UNITS = 3200
FEATURES = ("bytes", "service")  # fewer than the benchmark has: quicker
QUIET = 2


def decided(planted: str, days: int, units: int = UNITS) -> Sequence[tuple[int, str, str]]:
    """What is decided, with the number of the drifted day, from 1, that led to it."""
    world = World(7, units, planted, LEARNED_DAYS + QUIET, sites=("berlin",))
    watch = Watch(world, policy(), FEATURES)
    for _ in watch.days(QUIET + days):
        pass
    return [
        (number - LEARNED_DAYS - QUIET + 1, Action.Name(decision.action), decision.signal)
        for number, decision in watch.decided
    ]


def test_twenty_weeks_in_which_nothing_drifts_call_for_nothing() -> None:
    assert decided("", 20 * 7 - QUIET) == []


@pytest.mark.parametrize(
    ("planted", "within", "action", "signal"),
    [
        ("new_version", 3, "RETRAIN", "templates"),
        ("traffic_doubles", 6, "PAGE", "volume"),
        ("new_subnet", 6, "RETRAIN", "features"),
        ("label_shift", 12, "HOLD", "labels"),
    ],
)
def test_what_changes_for_good_is_decided_upon_within_days(
    planted: str, within: int, action: str, signal: str
) -> None:
    # Verdicts say something when there are more than a few.
    found = decided(planted, within, 3 * UNITS if signal == "labels" else UNITS)
    first = {(what, about): day for day, what, about in reversed(found)}
    assert (action, signal) in first
    assert 1 <= first[action, signal] <= within
