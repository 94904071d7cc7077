"""What a live scorer is told to score with, by a real repository that changes under it."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.releases.builders import web_server
from tests.streaming_releases.probed_models import (
    DETECTOR,
    ENVIRONMENT,
    benign,
    bundle,
    scored,
    silently,
)
from whetstone.catalog.catalog_pb2 import Environment
from whetstone.errors import NotReadyError, ReleaseError
from whetstone.releases import Bundle, Client, Repository, pack
from whetstone.streaming.serving.releases import Change, Releases

GOOD, NEXT, SPOILT = bundle(1.0), bundle(2.0), bundle(1.01, threshold=-1.0)


def version_of(one: Bundle) -> str:
    return one.manifest["version"]


class Site:
    """A platform, and an environment whose scorer follows it."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.repository = Repository(directory / "releases")
        self.repository.init()
        self.publish_environment(DETECTOR)
        self.said: list[str] = []
        self.now = time.time()

    def publish_environment(self, *detectors: str) -> None:
        site = Environment(name=ENVIRONMENT, sources=["sshd"], detectors=detectors)
        self.repository.publish_environments([site])

    def publish(self, one: Bundle) -> str:
        self.repository.publish(pack(one), one.manifest["detector"], version_of(one))
        return version_of(one)

    def releases(self, url: str | None = None) -> Releases:
        """A scorer's view as it starts, opened."""
        cache = self.directory / "cache"
        client = Client(url or self.repository.url, cache, self.repository.root())
        releases = Releases(
            client, ENVIRONMENT, self.directory, 0.01, self.said.append, lambda: self.now
        )
        releases.open()
        return releases

    def polled(self, releases: Releases) -> list[Change]:
        releases.poller.poll()
        return releases.changes()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.publish(GOOD)
    return site


def told(changes: list[Change]) -> list[tuple[str, str | None]]:
    """Role and version of each change."""
    return [(one.role, one.scorer.version if one.scorer else None) for one in changes]


def judge(releases: Releases, changes: list[Change]) -> list[Change]:
    """Has every model that the changes bring score benign units, enough to tell."""
    loads = benign(5_000, seed=2)
    for change in reversed(changes):
        if change.scorer is not None:
            units = scored(change.scorer, loads)
            releases.take(silently(units) if change.role == "predecessor" else units)
    return releases.changes()


def actions(releases: Releases) -> list[str]:
    return [record["event"]["action"] for record in releases.reports()]


def test_a_scorer_begins_with_the_champions_of_its_environment(site: Site):
    site.publish(bundle(1.0, detector="of_others"))
    releases = site.releases()
    assert told(releases.changes()) == [("champion", version_of(GOOD))]
    assert releases.changes() == []
    assert releases.versions == {DETECTOR: version_of(GOOD)}


def test_a_new_release_takes_over_while_the_one_before_scores_on(site: Site):
    releases = site.releases()
    releases.changes()
    new = site.publish(NEXT)
    changes = site.polled(releases)
    assert told(changes) == [
        ("champion", new),
        ("predecessor", None),
        ("predecessor", version_of(GOOD)),
    ]
    assert told(judge(releases, changes)) == [("predecessor", None)]
    assert actions(releases) == ["release-swapped", "release-kept"]
    assert site.polled(releases) == []


def test_a_release_that_leaves_its_bounds_is_taken_back_for_good(site: Site):
    releases = site.releases()
    releases.changes()
    bad = site.publish(SPOILT)
    changes = site.polled(releases)
    assert told(judge(releases, changes)) == [
        ("champion", version_of(GOOD)),
        ("predecessor", None),
    ]
    assert actions(releases) == ["release-swapped", "release-refused"]
    assert releases.refused == {DETECTOR: {bad}}
    assert site.polled(releases) == []
    again = site.releases()
    assert told(again.changes()) == [("champion", version_of(GOOD))]
    assert told(site.polled(again)) == []


def test_a_scorer_that_died_before_it_went_back_goes_back_when_it_starts(site: Site):
    releases = site.releases()
    releases.changes()
    site.publish(SPOILT)
    judge(releases, site.polled(releases))  # and no poll after that: the cache was not put right
    assert told(site.releases().changes()) == [("champion", version_of(GOOD))]


def test_after_a_refusal_the_next_release_has_its_chance(site: Site):
    releases = site.releases()
    releases.changes()
    site.publish(SPOILT)
    judge(releases, site.polled(releases))
    new = site.publish(NEXT)
    assert ("predecessor", version_of(GOOD)) in told(site.polled(releases))
    assert releases.versions == {DETECTOR: new}


def test_a_release_during_a_probation_is_compared_with_what_was_before_it(site: Site):
    releases = site.releases()
    releases.changes()
    site.publish(NEXT)
    site.polled(releases)
    bad = site.publish(SPOILT)
    changes = site.polled(releases)
    assert told(changes)[-1] == ("predecessor", version_of(GOOD))
    assert told(judge(releases, changes))[0] == ("champion", version_of(GOOD))
    assert site.polled(releases) == []
    assert told(site.releases().changes()) == [("champion", version_of(GOOD))]
    assert releases.refused == {DETECTOR: {bad}}


def test_an_unfinished_probation_goes_on_after_a_restart(site: Site):
    releases = site.releases()
    releases.changes()
    site.publish(SPOILT)
    site.polled(releases)
    again = site.releases()
    changes = again.changes()
    assert told(changes) == [("champion", version_of(SPOILT)), ("predecessor", version_of(GOOD))]
    assert told(judge(again, changes))[0] == ("champion", version_of(GOOD))


def test_what_the_platform_takes_back_is_never_gone_back_to(site: Site):
    releases = site.releases()
    releases.changes()
    site.publish(NEXT)
    judge(releases, site.polled(releases))
    site.repository.rollback(DETECTOR)
    changes = site.polled(releases)
    assert told(changes) == [("champion", version_of(GOOD)), ("predecessor", None)]
    assert judge(releases, changes) == []


def test_a_model_that_fails_while_it_scores_is_replaced_by_the_one_before(site: Site):
    releases = site.releases()
    releases.changes()
    bad = site.publish(NEXT)
    champion = site.polled(releases)[0].scorer
    assert champion is not None
    releases.refuse(champion, "out of memory")
    assert told(releases.changes())[0] == ("champion", version_of(GOOD))
    assert releases.refused == {DETECTOR: {bad}}


def test_a_model_that_fails_after_its_probation_is_replaced_from_the_disk(site: Site):
    releases = site.releases()
    releases.changes()
    site.publish(NEXT)
    changes = site.polled(releases)
    judge(releases, changes)
    assert changes[0].scorer is not None
    releases.refuse(changes[0].scorer, "out of memory")
    assert told(releases.changes()) == [("withdrawn", None)]
    assert told(site.polled(releases)) == [("champion", version_of(GOOD))]


def test_a_bundle_that_cannot_be_loaded_is_never_in_service(site: Site):
    releases = site.releases()
    releases.changes()
    site.publish(bundle(3.0, graph=b"no graph"))
    assert site.polled(releases) == []
    assert actions(releases) == ["release-refused"]
    assert releases.versions == {DETECTOR: version_of(GOOD)}
    assert site.polled(releases) == []
    assert told(site.releases().changes()) == [("champion", version_of(GOOD))]


def test_a_first_model_outside_its_bounds_stays_and_is_reported(tmp_path: Path):
    site = Site(tmp_path)
    site.publish(SPOILT)
    releases = site.releases()
    assert told(judge(releases, releases.changes())) == [("predecessor", None)]
    assert actions(releases) == ["release-suspect"]


def test_a_challenger_scores_in_shadow_until_it_is_taken_away(site: Site):
    releases = site.releases()
    releases.changes()
    site.repository.publish_challenger(pack(NEXT), DETECTOR, version_of(NEXT))
    (change,) = site.polled(releases)
    assert (change.role, releases.challengers) == ("challenger", {DETECTOR: version_of(NEXT)})
    again = site.releases()
    assert ("challenger", version_of(NEXT)) in told(again.changes())
    site.repository.withdraw_challenger(DETECTOR)
    assert told(site.polled(releases)) == [("challenger", None)]
    assert releases.challengers == {}


def test_a_challenger_that_fails_is_refused_and_the_champion_stays(site: Site):
    releases = site.releases()
    releases.changes()
    site.repository.publish_challenger(pack(NEXT), DETECTOR, version_of(NEXT))
    (change,) = site.polled(releases)
    assert change.scorer is not None
    releases.refuse(change.scorer, "out of memory")
    assert told(releases.changes()) == [("challenger", None)]
    assert releases.versions == {DETECTOR: version_of(GOOD)}


def test_a_detector_that_leaves_the_environment_is_withdrawn(site: Site):
    releases = site.releases()
    releases.changes()
    site.publish_environment()
    assert told(site.polled(releases)) == [("withdrawn", None)]
    assert releases.versions == {}


def test_a_repository_out_of_reach_is_counted_said_once_and_leaves_all_in_service(
    site: Site, tmp_path: Path
):
    with web_server(site.repository.public) as url:
        releases = site.releases(url)
        releases.changes()
    for _ in range(2):
        assert site.polled(releases) == []
    assert (releases.polls.polls, releases.polls.failures) == (3, 2)
    assert "unreachable" in releases.polls.error
    assert len(site.said) == 1


def test_a_scorer_starts_from_the_cache_and_says_so(site: Site):
    with web_server(site.repository.public) as url:
        site.releases(url)
    again = site.releases(url)
    assert told(again.changes()) == [("champion", version_of(GOOD))]
    assert "goes on with what was pulled before" in site.said[-1]


def test_a_scorer_that_never_reached_the_repository_does_not_start(site: Site):
    with web_server(site.repository.public) as url:
        pass
    with pytest.raises(ReleaseError, match="unreachable"):
        site.releases(url)


def test_an_environment_that_the_platform_does_not_have_is_named(site: Site):
    site.repository.publish_environments([])
    with pytest.raises(NotReadyError, match=f"no environment {ENVIRONMENT}"):
        site.releases()


def test_expired_metadata_are_told_once_and_loudly(site: Site):
    releases = site.releases()
    releases.changes()
    assert releases.polls.expires is not None
    site.now = releases.polls.expires + 1
    releases.changes()
    releases.changes()
    (record,) = releases.reports()
    assert record["event"]["action"] == "release-expired"
    assert record["whetstone"]["kind"] == "release"
    assert "nobody vouches any more" in site.said[-1]


def test_the_thread_polls_until_it_is_stopped(site: Site):
    releases = site.releases()
    releases.changes()
    releases.start()
    new = site.publish(NEXT)
    found: list[Change] = []
    awaited(lambda: bool(found.extend(releases.changes()) or found))
    releases.stop()
    assert told(found)[0] == ("champion", new)


def awaited(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
