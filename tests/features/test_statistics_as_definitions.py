"""Lists, and the statistics of docs/definitions.md, against a reckoning in plain Python."""

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whetstone.catalog import load_catalog
from whetstone.catalog.catalog_pb2 import Feature, FeatureView, SessionUnit
from whetstone.catalog.expressions import parse_expression
from whetstone.engine import open_engine
from whetstone.features import features_sql

ROOT = Path(__file__).resolve().parents[2]
START = datetime.fromisoformat("2026-03-01")
ORDERED = "list({x} ORDER BY event_time, raw_file, raw_line)"
Rows = Sequence[tuple[int, int | None]]
EVENTS = st.lists(st.tuples(st.integers(0, 80_000), st.one_of(st.none(), st.integers(0, 6))))


def unit_of(features: dict[str, tuple[str, str]], events: Rows) -> dict[str, Any]:
    """The features, by name a type and a definition, of the session of all events."""
    view = FeatureView(name="v", session=SessionUnit(key="ip"))
    for name, (data_type, definition) in features.items():
        parse_expression(definition)
        view.features.append(Feature(name=name, data_type=data_type, definition=definition))
    table = pa.table(
        {
            "environment": ["oslo"] * len(events),
            "ip": ["10.0.0.1"] * len(events),
            "raw_file": ["oslo/web/2026-03-01/a.log"] * len(events),
            "raw_line": pa.array(range(len(events)), pa.int64()),
            "raw_hash": pa.array([1] * len(events), pa.int64()),
            "event_time": pa.array(
                [START + timedelta(seconds=seconds) for seconds, _ in events], pa.timestamp("us")
            ),
            "x": pa.array([value for _, value in events], pa.int64()),
        }
    )
    with open_engine() as engine:
        engine.register("given", table)
        (row,) = engine.sql(features_sql(view, "given")).to_arrow_table().to_pylist()
        return row


def in_order(events: Rows) -> list[tuple[int, int | None]]:
    return [event for _, event in sorted(enumerate(events), key=lambda one: (one[1][0], one[0]))]


@settings(max_examples=25)
@given(events=EVENTS.filter(bool))
def test_a_list_holds_the_values_in_the_order_of_the_events(events: Rows) -> None:
    listed = ORDERED.format(x="x")
    made = unit_of(
        {
            "all": ("BIGINT[]", listed),
            "known": ("BIGINT[]", f"{listed} FILTER (WHERE x IS NOT NULL)"),
            "texts": ("VARCHAR[]", ORDERED.format(x="'k' || x")),
            "none": ("DOUBLE[]", f"{listed} FILTER (WHERE x > 99)"),
            "tail": ("BIGINT[]", f"{listed}[2:]"),
        },
        events,
    )
    values = [value for _, value in in_order(events)]
    assert made["all"] == values
    assert made["known"] == ([value for value in values if value is not None] or None)
    assert made["texts"] == [None if value is None else f"k{value}" for value in values]
    assert made["none"] is None
    assert made["tail"] == values[1:]


def documented() -> dict[str, str]:
    """The definitions of the table in the documentation, by the statistic."""
    page = (ROOT / "docs" / "definitions.md").read_text(encoding="utf-8")
    table = page.partition("### Statistics as definitions")[2].partition("\n\nSums of")[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.endswith("` |")]
    return {row[0].removeprefix("| "): row[2].strip("`| ") for row in rows}


def entropy(values: Sequence[Any]) -> float:
    shares = [count / len(values) for count in Counter(values).values()]
    return -sum(share * math.log2(share) for share in shares)


def reckoned(events: Rows) -> dict[str, float | None]:
    """What the documented statistics are, for events whose values are all known."""
    ordered = in_order(events)
    values = [value for _, value in ordered if value is not None]
    times = [seconds for seconds, _ in ordered]
    counts = Counter(values)
    gaps = [late - early for early, late in pairwise(times)]
    middle, around = statistics.median(gaps), statistics.median(values)
    spread = statistics.median(abs(value - around) for value in values)
    gap_spread = statistics.median(abs(gap - middle) for gap in gaps)
    return {
        "distinct peers": len(counts),
        "entropy": entropy(values),
        "entropy of a text's characters": None,
        "rarity": math.log2(len(values) / min(counts.values())),
        "values that occur once": sum(n == 1 for n in counts.values()) / len(counts),
        "hour-of-day surprise": math.log2(
            len(times) / min(Counter(seconds // 3600 for seconds in times).values())
        ),
        "spread": spread,
        "robust deviation of the largest": (max(values) - around) / (1.4826 * spread)
        if spread
        else None,
        "rank of the last": sum(value < values[-1] for value in values[:-1]) / (len(values) - 1),
        "beacon: spread of gaps": gap_spread / middle if middle else None,
        "beacon: regular gaps": sum(abs(gap - middle) <= 0.1 * middle for gap in gaps) / len(gaps),
    }


@settings(max_examples=25)
@given(
    events=st.lists(st.tuples(st.integers(0, 80_000), st.integers(0, 6)), min_size=3, max_size=40)
)
def test_the_documented_statistics_are_what_they_say(events: Rows) -> None:
    written = documented()
    gaps = written["gaps"].replace("L", ORDERED.format(x="epoch(event_time)"))
    expected = reckoned(events)
    features: dict[str, tuple[str, str]] = {}
    for name in expected.keys() - {"entropy of a text's characters"}:
        definition = written[name]
        if "G" in definition.replace("GROUP", ""):
            definition = f"list_transform([{gaps}], lambda G: {definition})[1]"
        definition = definition.replace("L[", f"{ORDERED.format(x='x')}[")
        features[name] = ("DOUBLE", definition.replace("len(L)", "count(x)"))
    made = unit_of(features, events)
    for name in features:
        found, value = made[name], expected[name]
        assert (found is None) == (value is None), name
        if value is not None:
            assert found == pytest.approx(value, abs=1e-6), name


def test_every_documented_statistic_is_known() -> None:
    others = {"distinct peers of millions", "gaps"}
    assert documented().keys() - others == reckoned([(0, 1), (1, 1), (2, 1)]).keys()
    bits = documented()["entropy of a text's characters"].replace("x", "'abca'")
    made = unit_of({"bits": ("DOUBLE", f"max({bits})")}, [(0, 1)])
    assert made["bits"] == pytest.approx(entropy("abca"))


@pytest.mark.parametrize(
    ("pauses", "spread", "regular"),
    [
        ([60.0] * 20, 0.0, 1.0),
        ([60.0, 63.0] * 10, 0.0, 1.0),
        ([1.0, 100.0, 7.0, 900.0], None, 0.0),
    ],
)
def test_a_beacon_is_regular_and_a_person_is_not(
    pauses: list[float], spread: float | None, regular: float
) -> None:
    view = load_catalog(ROOT / "catalog").feature_views["zeek_conn_pair_1h"]
    wanted = ["gap_spread", "gap_regular_share", "gap_median"]
    times = [START]
    for pause in pauses:
        times.append(times[-1] + timedelta(seconds=pause))
    n = len(times)
    source = load_catalog(ROOT / "catalog").sources["zeek_conn"]
    columns: dict[str, Any] = {field.name: [None] * n for field in source.fields}
    columns |= {
        "environment": ["oslo"] * n,
        "raw_file": ["oslo/z/2026-03-01/c.log"] * n,
        "raw_line": list(range(n)),
        "raw_hash": [1] * n,
        "event_time": pa.array(times, pa.timestamp("us")),
        "src_ip": ["10.0.0.1"] * n,
        "dest_ip": ["192.0.2.1"] * n,
        "dest_port": [443] * n,
    }
    with open_engine() as engine:
        engine.register("given", pa.table(columns))
        (row,) = engine.sql(features_sql(view, "given", wanted)).to_arrow_table().to_pylist()
    if spread is not None:
        assert row["gap_spread"] == pytest.approx(spread, abs=0.05)
    assert row["gap_regular_share"] == pytest.approx(regular)
    assert row["gap_median"] == pytest.approx(statistics.median(pauses))
