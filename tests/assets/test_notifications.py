"""The sensor that tells owners over real connections: once, again after a failure, at the end."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr

from assets.factory import Factory
from assets.notifications import deliver, sensor
from assets.platform import open_factory
from monitoring.overview.facts import read_overview
from tests.addresses import Hooks, running
from triage.outbox import Outbox
from whetstone.lake import Lake, Manifest, Place
from whetstone.settings import Settings

ROOT = Path(__file__).resolve().parent.parent.parent
DETECTOR = "ssh_bruteforce_gb"
TODAY = datetime.now(UTC).date()


@dataclass
class Site:
    """An installation of which only manifests exist, and its owners' webhook."""

    factory: Factory
    hooks: Hooks
    instance: dg.DagsterInstance

    def drift(self, verdict: str, day: date = TODAY) -> None:
        reasons = ["volume doubled <!channel>"] if verdict != "ok" else []
        self.made("drift", DETECTOR, day, {"verdict": verdict, "reasons": reasons})

    def made(self, layer: str, name: str, day: date | None, facts: Mapping[str, object]) -> None:
        lake = Lake(self.factory.settings.lake)
        place = Place(layer, name, day.isoformat() if day else None)
        with lake.stage(place) as staged:
            staged.commit(Manifest("", {}, "v", 1, facts=facts))

    def told(self) -> list[tuple[str, str]]:
        """Title and text of what was posted."""
        notices = map(json.loads, self.hooks.posted)
        return [(notice["title"], notice["message"].splitlines()[0]) for notice in notices]

    def look(self) -> str:
        """What the sensor says of a look."""
        with dg.build_sensor_context(instance=self.instance) as context:
            said = sensor(self.factory)(context)
        assert isinstance(said, dg.SkipReason)
        return str(said.skip_message)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running(Hooks()) as hooks, dg.DagsterInstance.ephemeral() as instance:
        url = SecretStr(f"json://127.0.0.1:{hooks.server_port}/hook")
        settings = Settings(home=tmp_path, catalog=ROOT / "catalog", notify={"*": [url]})
        site = Site(open_factory(settings), hooks, instance)
        site.made("alerts", "daily", TODAY, {DETECTOR: 3})
        yield site


def test_without_addresses_it_says_so(tmp_path: Path) -> None:
    factory = open_factory(Settings(home=tmp_path, catalog=ROOT / "catalog"))
    with dg.build_sensor_context() as context:
        said = sensor(factory)(context)
    assert isinstance(said, dg.SkipReason)
    assert said.skip_message == "no addresses: set WHETSTONE_NOTIFY"


def test_a_week_of_drift_is_one_notice_and_its_end_another(site: Site) -> None:
    for day in range(7):
        site.drift("drift", TODAY - timedelta(6 - day))
        site.look()
    first = TODAY - timedelta(6)
    (began,) = site.told()
    assert began == (f"Whetstone: {DETECTOR}: drift", f"volume doubled ‹!channel› (on {first})")
    site.drift("ok")
    assert site.look() == "0 began, 1 over; 1 sent, 0 failed"
    assert site.told()[1][0] == f"Whetstone: {DETECTOR}: drift is over"
    assert site.look() == "0 began, 0 over; 0 sent, 0 failed"


def test_what_could_not_be_sent_comes_when_the_other_side_is_back(site: Site) -> None:
    site.drift("drift")
    site.hooks.status = 503
    assert site.look() == "1 began, 0 over; 0 sent, 1 failed"
    site.hooks.status = 200
    outbox = Outbox(site.factory.settings.case_store)
    later = datetime.now(UTC) + timedelta(minutes=2)
    assert deliver(outbox, site.factory.settings, later) == (1, 0)
    outbox.close()


def test_an_asset_that_fails_is_told_of_with_its_error(site: Site) -> None:
    @dg.multi_asset(name="failing", specs=[dg.AssetSpec(["model", DETECTOR])])
    def failing():
        raise ValueError

    attempt = site.factory.settings.lake / "model" / DETECTOR / "attempt.json"
    attempt.parent.mkdir(parents=True)
    attempt.write_text('{"evidence": "1", "at": "2026-01-01T00:00:00+00:00", "error": "no benign"}')
    job = dg.Definitions([failing]).resolve_implicit_global_asset_job_def()
    job.execute_in_process(
        instance=site.instance,
        asset_selection=[dg.AssetKey(["model", DETECTOR])],
        raise_on_error=False,
    )
    site.look()
    assert site.told() == [(f"Whetstone: model/{DETECTOR}: failure", "no benign")]
    attempt.unlink()
    assert site.look() == "0 began, 1 over; 1 sent, 0 failed"


def test_the_overview_tells_of_manifests_landed_days_and_silence(site: Site) -> None:
    settings, catalog = site.factory.settings, site.factory.catalog
    environment, other = [
        e for e in catalog.environments if "sshd" in catalog.environments[e].sources
    ][:2]
    for name, behind in ((environment, 0), (other, 5)):
        (settings.landing / name / "sshd" / (TODAY - timedelta(behind)).isoformat()).mkdir(
            parents=True
        )
    (settings.landing / environment / "sshd" / "2999-01-01").mkdir()
    site.drift("warn")
    found = read_overview(catalog, settings)
    assert found.newest_day == TODAY.isoformat()
    assert [(s.environment, s.source) for s in found.silent] == [(other, "sshd")]
    row = next(row for row in found.rows if row.detector == DETECTOR)
    assert row.alerts == [*[None] * 29, 3]
    assert row.verdicts[-1] == "warn"
    assert {reason.about for reason in row.reasons} >= {"drift", "blindness"}
    assert {part.environment for part in row.environments} >= {environment, other}
