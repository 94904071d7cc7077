"""What moved, ranked; and the raw lines of the day that show it."""

import gzip
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from monitoring_rows import FEATURES, replaced, scored

from monitoring.drift import drift
from monitoring.drift.causes import Cause, Where
from monitoring.drift.examples import DayRows, Example
from monitoring.sketches import Day, sketch_events, sketch_scores
from whetstone.catalog.catalog_pb2 import FeatureView, Source
from whetstone.lake import Lake, Manifest, Place

DAY = "2026-11-20"
SITES = ("berlin", "oslo", "lima")
REFERENCE = sketch_scores(scored(6_000, seed=1, environments=SITES), FEATURES)
LINEAGE = {"bytes_out": ["bytes"], "failed_logins": ["user"], "top_user": ["user"], "gap": ["time"]}


@pytest.fixture(scope="module")
def before() -> list[Day]:
    return [
        Day(f"2026-11-{d:02d}", sketch_scores(scored(3_000, seed=d, environments=SITES), FEATURES))
        for d in range(6, 20)
    ]


def causes(current: pa.Table, before: Sequence[Day]) -> list[Cause]:
    day = Day(DAY, sketch_scores(current, FEATURES))
    return list(drift("ssh", day, REFERENCE, before, FEATURES, lineage=LINEAGE).causes)


def test_a_quiet_day_has_no_causes(before: list[Day]) -> None:
    assert causes(scored(3_000, seed=2, environments=SITES), before) == []


def test_the_feature_that_moved_is_named_with_the_bin_that_grew(before: list[Day]) -> None:
    moved = causes(scored(3_000, seed=2, bytes_factor=3, environments=SITES), before)
    (feature,) = [cause for cause in moved if cause.kind == "feature"]
    assert (feature.what, feature.environment) == ("bytes_out", None)
    assert "of the rows against" in feature.detail
    assert feature.where is not None
    assert feature.where.low is not None
    assert feature.where.low >= 1_000
    assert [cause.what for cause in moved if cause.kind == "field"] == ["bytes"]


def test_the_environment_that_moved_is_named_if_the_others_did_not(before: list[Day]) -> None:
    calm = scored(2_000, seed=2, environments=SITES[:2])
    odd = scored(1_000, seed=3, bytes_factor=30, environments=SITES[2:])
    moved = causes(pa.concat_tables([calm, odd]), before)
    assert {cause.environment for cause in moved if cause.kind == "feature"} == {"lima"}


def test_new_values_are_named_as_the_category_that_moved(before: list[Day]) -> None:
    rows = scored(3_000, seed=2, environments=SITES)
    users = np.where(np.arange(3_000) % 3, np.array(rows["top_user"].to_pylist()), "mallory")
    moved = causes(replaced(rows, "top_user", users), before)
    assert moved[0].kind == "category"
    assert moved[0].where == Where(None, "top_user", values=("mallory",))


def test_an_environment_that_nobody_has_seen_before_is_named(before: list[Day]) -> None:
    moved = causes(scored(3_000, seed=2, environments=(*SITES, "quito")), before)
    assert ("environment", "quito") in {(cause.kind, cause.what) for cause in moved}


def test_causes_are_few_and_the_worst_comes_first(before: list[Day]) -> None:
    rows = scored(30_000, seed=2, bytes_factor=9, off_hours=0.5, environments=(*SITES, "quito"))
    moved = causes(rows, before)
    severities = [cause.severity for cause in moved]
    assert severities == sorted(severities, reverse=True)
    assert len(moved) <= 10
    assert severities[0] <= 10


def test_a_template_that_is_new_is_a_cause() -> None:
    def day(number: int, **more: int) -> Day:
        events = sketch_events({"berlin": {"login": 900, **more}}, {}, {})
        return Day(f"2026-11-{number:02d}", sketch_scores(scored(500, seed=number), ()), events)

    window = [day(n) for n in range(6, 20)]
    result = drift("ssh", day(20, refused=300), REFERENCE, window, ())
    (cause,) = result.causes
    assert (cause.kind, cause.what, cause.where) == ("template", "refused", Where(mask="refused"))


NOON = datetime.fromisoformat(f"{DAY}T12:00:00")
VIEW = FeatureView(name="v", source="sshd")
VIEW.window.entity.append("src_ip")
VIEW.window.every = "5m"


@pytest.fixture
def rows(tmp_path: Path) -> DayRows:
    """Ten units of one address each, of which every line lies in a raw file."""
    lake, landing = Lake(tmp_path / "lake"), tmp_path / "landing"
    names = ["berlin", "oslo"] * 5
    addresses = [f"10.0.0.{n}" for n in range(10)]
    moments = [NOON + timedelta(minutes=5 * n) for n in range(10)]
    lines = [f"login number {n} from {address}" for n, address in enumerate(addresses)]
    for name in ("berlin", "oslo"):
        (landing / name).mkdir(parents=True)
        (landing / name / "auth.log.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    events = {
        "environment": names, "event_time": moments, "src_ip": addresses, "message": lines,
        "raw_file": [f"{name}/auth.log.gz" for name in names], "raw_line": list(range(1, 11)),
        "raw_hash": list(range(10)),
    }  # fmt: skip
    scores = {
        "environment": names, "src_ip": addresses, "unit": addresses, "unit_start": moments,
        "event_timestamp": [at + timedelta(minutes=5) for at in moments],
        "score": [n / 10 for n in range(10)], "is_alert": [n == 9 for n in range(10)],
        "failures": [float(n) for n in range(10)], "user": [f"user{n % 3}" for n in range(10)],
    }  # fmt: skip
    for layer, name, columns in (("parsed", "sshd", events), ("scores", "ssh", scores)):
        with lake.stage(Place(layer, name, DAY)) as staged:
            pq.write_table(pa.table(columns), staged.path("part.parquet"))
            staged.commit(Manifest("", {}, "1", 10))
    source = Source(name="sshd", message="message")
    return DayRows(
        lake, landing, source, VIEW, "ssh", DAY, frozenset({"berlin"}), lambda mask: mask
    )


def texts(examples: Sequence[Example]) -> list[str]:
    return [example.text for example in examples]


def test_the_units_of_the_bin_that_grew_are_shown_by_their_first_lines(rows: DayRows) -> None:
    found = rows.showing(Where("berlin", "failures", 3, 8))
    assert texts(found) == ["login number 8 from 10.0.0.8", "login number 6 from 10.0.0.6",
                            "login number 4 from 10.0.0.4"]  # fmt: skip
    assert found[0].place == "berlin/auth.log.gz:9"


def test_lines_of_an_environment_with_pseudonyms_are_not_quoted(rows: DayRows) -> None:
    (example,) = rows.showing(Where("oslo", "failures", 6, 8))
    assert example.text == "src_ip=10.0.0.7, message=login number 7 from 10.0.0.7"


def test_units_of_a_new_value_are_shown(rows: DayRows) -> None:
    found = rows.showing(Where(None, "user", values=("user2",)))
    assert [example.place for example in found] == [
        "berlin/auth.log.gz:9", "oslo/auth.log.gz:6", "berlin/auth.log.gz:3",
    ]  # fmt: skip


def test_messages_of_a_template_are_shown_five_at_most(rows: DayRows) -> None:
    found = rows.showing(Where(mask="login number <*> from <*>"))
    assert len(found) == 5
    assert texts(found)[0] == "login number 0 from 10.0.0.0"


def test_lines_that_are_no_more_are_shown_by_their_event(rows: DayRows) -> None:
    (rows.landing / "berlin" / "auth.log.gz").unlink()
    found = rows.showing(Where("berlin", "failures", 7, 8))
    assert texts(found) == ["src_ip=10.0.0.8, message=login number 8 from 10.0.0.8"]


@pytest.mark.parametrize("gone", ["parsed/sshd", "scores/ssh"])
def test_a_day_whose_rows_have_expired_has_no_examples(rows: DayRows, gone: str) -> None:
    layer, name = gone.split("/")
    rows.lake.part(Place(layer, name, DAY)).unlink()
    assert rows.showing(Where("berlin", "failures", 3, 8)) == []


def test_a_feature_that_the_rows_do_not_have_has_no_examples(rows: DayRows) -> None:
    assert rows.showing(Where(None, 'no"such', 1, 2)) == []
    assert rows.showing(None) == []
