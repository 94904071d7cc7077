"""What an environment is given to run, and what it keeps to go back to."""

from pathlib import Path

import pytest

from tests.releases.builders import client_of, example, killed_at, new_repository
from whetstone.catalog.catalog_pb2 import PSEUDONYM, Environment
from whetstone.errors import NotReadyError, ReleaseError
from whetstone.releases import Bundle, Client, Repository, pack
from whetstone.releases.pulled import PulledEnvironment

ALPHA, BETA = "alpha", "beta"


class Site:
    """A platform with the environments `berlin` (stable) and `lyon` (canary)."""

    def __init__(self, directory: Path):
        self.repository: Repository = new_repository(directory / "releases")
        self.client: Client = client_of(self.repository, directory / "cache")
        self.declare()

    def declare(self, *detectors: str) -> None:
        sites = [
            Environment(
                name=name,
                channel=channel,
                detectors=detectors or (ALPHA, BETA),
                sources=["sshd"],
                time_zone="Europe/Berlin",
                privacy={"users": PSEUDONYM},
            )
            for name, channel in (("berlin", ""), ("lyon", "canary"))
        ]
        self.repository.publish_environments(sites)

    def publish(self, detector: str, seed: int, channel: str = "stable", rollout: int = 100) -> str:
        bundle = example(detector, seed)
        version = bundle.manifest["version"]
        self.repository.publish(pack(bundle), detector, version, channel, rollout)
        return version

    def pull(self, name: str = "berlin", **rest: object) -> dict[str, str]:
        """Detector to version in service after a pull."""
        return serving(self.client.pull_environment(name, **rest))  # pyright: ignore


def serving(pulled: PulledEnvironment) -> dict[str, str]:
    return {name: one.version for name, one in pulled.champions.items()}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def previous(site: Site) -> Bundle:
    return site.client.load(ALPHA, "previous")


def test_an_environment_gets_its_definition_and_its_detectors_only(site: Site):
    site.publish("of_others", 1)
    version = site.publish(ALPHA, 1)
    pulled = site.client.pull_environment("berlin")
    assert serving(pulled) == {ALPHA: version}
    assert pulled.missing == (BETA,)
    assert pulled.environment.time_zone == "Europe/Berlin"
    assert pulled.environment.privacy.users == PSEUDONYM
    assert pulled.expires is not None
    with pytest.raises(NotReadyError, match="never pulled"):
        site.client.load("of_others")


def test_canary_environments_get_what_is_tried_and_stable_for_the_rest(site: Site):
    stable, beta = site.publish(ALPHA, 1), site.publish(BETA, 1)
    tried = site.publish(ALPHA, 2, channel="canary")
    assert site.pull("berlin") == {ALPHA: stable, BETA: beta}
    assert site.pull("lyon") == {ALPHA: tried, BETA: beta}


def test_a_release_that_is_rolled_out_to_some_reaches_those_only(site: Site):
    old = site.publish(ALPHA, 1)
    site.declare()
    versions = {old}
    for rollout in (1, 100):
        versions.add(new := site.publish(ALPHA, 2 + rollout, rollout=rollout))
        reached = site.repository.channel("stable").serving(ALPHA, "berlin")
        assert reached is not None
        assert site.pull()[ALPHA] == reached.version
    assert site.pull()[ALPHA] == new


def test_the_bundle_before_is_kept_and_gone_back_to(site: Site):
    old, new = site.publish(ALPHA, 1), None
    site.pull()
    with pytest.raises(NotReadyError, match="no previous"):
        previous(site)
    new = site.publish(ALPHA, 2)
    site.pull()
    assert previous(site) == example(ALPHA, 1)
    assert site.client.go_back(ALPHA, old) == new  # that one is not in service
    assert site.client.go_back(ALPHA, new) == old
    assert site.client.load(ALPHA) == example(ALPHA, 1)


def test_a_refused_version_is_not_pulled_and_the_one_in_service_stays(site: Site):
    old = site.publish(ALPHA, 1)
    site.pull()
    bad = site.publish(ALPHA, 2)
    refused = {ALPHA: {bad}}
    assert site.pull(refused=refused) == {ALPHA: old}
    new = site.publish(ALPHA, 3)
    assert site.pull(refused=refused) == {ALPHA: new}
    assert previous(site) == example(ALPHA, 1)


def test_what_was_taken_back_does_not_stay_in_the_place_of_a_refused_version(site: Site):
    site.publish(ALPHA, 1)
    bad = site.publish(ALPHA, 2)
    site.publish(ALPHA, 3)
    site.pull()
    site.repository.rollback(ALPHA)
    pulled = site.client.pull_environment("berlin", refused={ALPHA: {bad}})
    assert serving(pulled) == {}
    assert pulled.missing == (ALPHA, BETA)


def test_while_one_is_unproven_the_one_before_it_stays_the_one_to_go_back_to(site: Site):
    for seed in (1, 2):
        site.publish(ALPHA, seed)
        site.pull()
    site.publish(ALPHA, 3)
    site.pull(unproven={ALPHA})
    assert previous(site) == example(ALPHA, 1)
    assert site.client.load(ALPHA) == example(ALPHA, 3)


def test_a_challenger_lies_beside_the_champion(site: Site):
    champion = site.publish(ALPHA, 1)
    rival = example(ALPHA, 2)
    site.repository.publish_challenger(pack(rival), ALPHA, rival.manifest["version"])
    pulled = site.client.pull_environment("berlin")
    assert serving(pulled) == {ALPHA: champion}
    assert pulled.challengers[ALPHA].version == rival.manifest["version"]
    assert site.client.load(ALPHA, "challenger") == rival
    site.repository.promote(ALPHA)
    pulled = site.client.pull_environment("berlin")
    assert serving(pulled) == {ALPHA: rival.manifest["version"]}
    assert not pulled.challengers


def test_the_cache_tells_what_is_in_service_without_the_repository(site: Site):
    site.publish(ALPHA, 1)
    rival = example(ALPHA, 2)
    site.repository.publish_challenger(pack(rival), ALPHA, rival.manifest["version"])
    pulled = site.client.pull_environment("berlin")
    (site.repository.public / "metadata" / "timestamp.json").unlink()
    cached = site.client.cached_environment("berlin")
    assert serving(cached) == serving(pulled)
    assert cached.challengers.keys() == {ALPHA}
    assert (cached.environment, cached.expires) == (pulled.environment, pulled.expires)
    with pytest.raises(NotReadyError, match="lyon was never pulled"):
        site.client.cached_environment("lyon")


def test_an_environment_that_the_platform_does_not_have_is_named(site: Site):
    with pytest.raises(NotReadyError, match="no environment nowhere"):
        site.pull("nowhere")
    with pytest.raises(ReleaseError, match="cannot name a environment"):
        site.pull("../berlin")


def test_a_pull_killed_at_any_step_leaves_one_in_service_and_one_to_go_back_to(site: Site):
    site.publish(ALPHA, 0)
    site.pull()
    site.publish(ALPHA, 1)
    site.pull()
    step, seed, killed = 0, 1, True
    while killed:
        seed, step = seed + 1, step + 1
        site.publish(ALPHA, seed)
        killed = killed_at(step, lambda: site.client.pull_environment("berlin"))
        assert site.client.load(ALPHA).manifest["seed"] in (seed - 1, seed)
        assert previous(site).manifest["seed"] in (seed - 2, seed - 1)
        site.pull()
        assert previous(site).manifest["seed"] == seed - 1
    assert step > 6
