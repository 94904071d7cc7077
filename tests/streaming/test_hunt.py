"""A new release over old days: only what the other one did not find."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.scoring import alerts_from
from detectors import family_of
from detectors.interface import Examples, Training
from tests.streaming.bundles import bundle_of
from tests.streaming.hunted_lake import (
    DAYS,
    DETECTOR,
    MARCH,
    alerts,
    found,
    hunted,
    scored,
    with_windows,
)
from whetstone.engine import open_engine
from whetstone.errors import InputError, NotReadyError
from whetstone.hunt import Hunt
from whetstone.lake import Lake, Manifest, Place
from whetstone.releases import Bundle, stamp
from whetstone.scoring.history import lake_history
from whetstone.scoring.run import BundleScorer, alerts_of
from whetstone.sql import literal


class TestFindings:
    def test_they_are_the_alerts_that_the_old_release_does_not_have(
        self, lake: Lake, old: Bundle, new: Bundle
    ) -> None:
        for day in hunted(Hunt(lake, BundleScorer(new), BundleScorer(old))):
            ours, theirs = alerts(lake, new, day.day), alerts(lake, old, day.day)
            assert set(found([day])) == ours.keys() - theirs.keys()
            assert day.units == scored(lake, new, day.day).num_rows
            counts = (len(ours), len(ours.keys() & theirs.keys()), len(theirs.keys() - ours.keys()))
            assert (day.alerts, day.known, day.gone) == counts
            assert min(counts) > 0 < day.count, "the releases are too much alike to prove anything"
            assert [f.score for f in day.findings] == sorted(
                (ours[key] for key in set(found([day]))), reverse=True
            )

    def test_against_nothing_all_alerts_are_findings_as_the_batch_would_raise_them(
        self, lake: Lake, new: Bundle
    ) -> None:
        (day,) = hunted(Hunt(lake, BundleScorer(new), None), DAYS[:1])
        units = scored(lake, new, day.day)
        expected = alerts_from(BundleScorer(new), alerts_of(units), units.num_rows)
        assert len(expected) > 10
        assert {
            f.alert: (f.unit, f.entity, f.score, f.per_day, f.explanation) for f in day.findings
        } == {a.alert_id: (a.unit, a.entity, a.score, a.per_day, a.explanation) for a in expected}
        assert (day.known, day.gone, day.left_out) == (0, 0, 0)
        assert {f.against for f in day.findings} == {None}

    def test_they_tell_how_the_old_release_scored_the_unit(
        self, lake: Lake, old: Bundle, new: Bundle
    ) -> None:
        (day,) = hunted(Hunt(lake, BundleScorer(new), BundleScorer(old)), DAYS[:1])
        rows = scored(lake, old, day.day).to_pylist()
        scores = {(r["environment"], r["unit"], r["unit_start"]): r["score"] for r in rows}
        assert [f.against for f in day.findings] == [scores[key] for key in found([day])]
        assert all(f.against is not None and f.against < old.threshold for f in day.findings)

    def test_they_name_the_lines_that_are_the_evidence(self, lake: Lake, new: Bundle) -> None:
        everything = BundleScorer(stamp(replace(new, threshold=0.0)))
        (day,) = hunted(Hunt(lake, everything, None), DAYS[:1])
        path = literal(str(lake.part(Place("parsed", "sshd", day.day))))
        with open_engine(lake.root) as connection:
            rows = connection.sql(
                f"""SELECT environment, src_ip, time_bucket(INTERVAL 5 MINUTES, event_time),
                           list((raw_file, raw_line) ORDER BY event_time, raw_line)
                    FROM read_parquet({path}) GROUP BY ALL"""
            ).fetchall()
        evidence = {row[:3]: row[3] for row in rows}
        for finding, key in zip(day.findings, found([day]), strict=True):
            assert finding.events == len(evidence[key])
            assert [(x.file, x.line) for x in finding.lines] == evidence[key][:10]
        assert max(finding.events for finding in day.findings) > 10

    def test_a_day_taken_in_shares_gives_the_same(
        self, lake: Lake, old: Bundle, new: Bundle
    ) -> None:
        whole = hunted(Hunt(lake, BundleScorer(new), BundleScorer(old)))
        shares = hunted(Hunt(lake, BundleScorer(new), BundleScorer(old), most_events=150))
        for one, other in zip(whole, shares, strict=True):
            assert sorted(one.findings, key=repr) == sorted(other.findings, key=repr)
            assert replace(one, findings=[]) == replace(other, findings=[])

    def test_only_the_environments_asked_for_are_hunted_in(self, lake: Lake, new: Bundle) -> None:
        hunt = Hunt(lake, BundleScorer(new), None, ["oslo"])
        assert hunt.days(*MARCH, skip_missing=True) == list(DAYS)
        days = hunted(hunt)
        assert {key[0] for key in found(days)} == {"oslo"}
        assert sum(day.units for day in days) < sum(
            d.units for d in hunted(Hunt(lake, BundleScorer(new), None))
        )


class TestOtherUnits:
    def test_alerts_of_overlapping_times_of_the_same_entity_are_the_same(
        self, lake: Lake, old: Bundle, new: Bundle
    ) -> None:
        long = with_windows(old, "1h")
        (day,) = hunted(Hunt(lake, BundleScorer(new), BundleScorer(long)), DAYS[:1])
        theirs = {(e, unit, start) for e, unit, start in alerts(lake, long, day.day)}
        expected = {
            (environment, unit, start)
            for environment, unit, start in alerts(lake, new, day.day)
            if (environment, unit, start.replace(minute=0)) not in theirs
        }
        assert set(found([day])) == expected
        assert 0 < day.known < day.alerts
        assert {finding.against for finding in day.findings} == {None}

    def test_releases_of_other_sources_cannot_be_compared(
        self, lake: Lake, new: Bundle, real_data: Path
    ) -> None:
        other = bundle_of("network_scan_window", real_data)
        with pytest.raises(InputError, match="suricata_flow: hunt against"):
            Hunt(lake, BundleScorer(new), BundleScorer(other))


class TestSlowFeatures:
    def test_they_are_those_of_the_lake_on_the_days_before(
        self, lake: Lake, real_data: Path
    ) -> None:
        bundle = with_slow_feature(bundle_of(DETECTOR, real_data))
        scorer, day = BundleScorer(bundle), DAYS[1]
        path = literal(str(lake.part(Place("parsed", "sshd", day))))
        with open_engine(lake.root) as connection:
            history = lake_history(connection, lake, {}, scorer.slow, day)
            batch = scorer.score_events(connection, f"read_parquet({path})", history)
        (hunted_day,) = hunted(Hunt(lake, scorer, None), [day])
        scores = sorted(finding.score for finding in hunted_day.findings)
        assert scores == sorted(batch["score"].to_pylist())
        assert scores != sorted(scored(lake, bundle, day)["score"].to_pylist())


def with_slow_feature(bundle: Bundle) -> Bundle:
    """A release that has to know what an address did in the day before; all its units alert."""
    definitions = type(bundle.definitions)()
    definitions.CopyFrom(bundle.definitions)
    view = definitions.feature_views.add()
    view.CopyFrom(definitions.feature_views[0])
    view.name, view.window.every = "sshd_source_1d", "1d"
    detector = definitions.detectors[0]
    detector.slow.add(view=view.name, features=["failures"], max_age="2d")
    names = ("failures", "sshd_source_1d__failures")
    del detector.features[:]
    detector.features.append(names[0])
    learned = Examples(pa.table(dict.fromkeys(names, pa.array(range(40)))), None)
    defined = type(detector)(nearest_neighbours={"neighbours": 1})
    graph = family_of(defined).fit(learned, Training(1)).export()
    return stamp(
        replace(bundle, graph=graph, definitions=definitions, feature_names=names, threshold=-1.0)
    )


class TestDays:
    def test_missing_days_are_named_with_those_there_are(self, lake: Lake, new: Bundle) -> None:
        hunt = Hunt(lake, BundleScorer(new), None)
        with pytest.raises(NotReadyError) as error:
            hunt.days(date(2026, 2, 27), date(2026, 3, 6))
        said = str(error.value)
        assert "no events of sshd on 2026-02-27 to 2026-03-01, 2026-03-04, 2026-03-06;" in said
        assert "there are 2026-03-02 to 2026-03-03, 2026-03-05." in said

    def test_they_can_be_left_out_but_not_all_of_them(self, lake: Lake, new: Bundle) -> None:
        hunt = Hunt(lake, BundleScorer(new), None)
        assert hunt.days(*MARCH, skip_missing=True) == list(DAYS)
        with pytest.raises(NotReadyError, match="2026-04-01 to 2026-04-02"):
            hunt.days(date(2026, 4, 1), date(2026, 4, 2), skip_missing=True)

    def test_an_environment_without_events_is_named_with_those_that_have_some(
        self, lake: Lake, new: Bundle
    ) -> None:
        hunt = Hunt(lake, BundleScorer(new), None, ["oslo", "atlantis"])
        with pytest.raises(InputError, match=r"atlantis: .*there are berlin, oslo"):
            hunt.days(MARCH[0], MARCH[0])

    def test_events_of_an_older_definition_are_refused_with_the_day(
        self, lake: Lake, new: Bundle, tmp_path: Path
    ) -> None:
        older = Lake(tmp_path / "lake")
        place = Place("parsed", "sshd", DAYS[0])
        lacking = pq.read_table(lake.part(place)).drop_columns(["outcome"])
        with open_engine(older.root) as engine, older.stage(place) as staged:
            engine.register("lacking", lacking)
            engine.execute("CREATE TABLE events AS FROM lacking")
            content = staged.write(engine, "events")
            staged.commit(Manifest("", {}, content.version, content.rows))
        with pytest.raises(NotReadyError, match=f"{DAYS[0]} were parsed by an older definition"):
            Hunt(older, BundleScorer(new), None).day(DAYS[0])
