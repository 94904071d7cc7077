"""Channels, staged rollout, challengers, environments: who is served what."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.releases.builders import (
    client_of,
    example,
    in_a_process,
    killed_at,
    new_repository,
    publish,
    status_of,
)
from whetstone.catalog.catalog_pb2 import Environment
from whetstone.errors import InputError, NotReadyError, ReleaseError
from whetstone.releases import Bundle, Repository, pack
from whetstone.releases.channel import Channel
from whetstone.releases.release import Release, target_path

DETECTOR = "ssh_bruteforce"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SITES = [f"site_{number}" for number in range(400)]
VERSIONS = st.text("0123456789abcdef", min_size=12, max_size=12)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return new_repository(tmp_path / "releases")


def version_of(bundle: Bundle) -> str:
    return bundle.manifest["version"]


def challenge(repository: Repository, bundle: Bundle, channel: str = "stable") -> str:
    version = version_of(bundle)
    repository.publish_challenger(pack(bundle), DETECTOR, version, channel)
    return version


def roll_out(repository: Repository, bundle: Bundle, percent: int) -> str:
    repository.publish(pack(bundle), DETECTOR, version_of(bundle), rollout=percent)
    return version_of(bundle)


def served(channel: Channel) -> dict[str, str | None]:
    found = {site: channel.serving(DETECTOR, site) for site in SITES}
    return {site: release.version if release else None for site, release in found.items()}


class TestRollout:
    def test_a_release_for_everybody_reaches_everybody(self):
        channel = Channel.empty().published(DETECTOR, "a" * 12, NOW)
        assert set(served(channel).values()) == {"a" * 12}
        assert channel.serving(DETECTOR, None) == channel.champion(DETECTOR)

    @pytest.mark.parametrize("percent", [1, 10, 50, 99])
    def test_about_so_many_percent_of_the_environments_get_it(self, percent: int):
        channel = Channel.empty().published(DETECTOR, "a" * 12, NOW)
        channel = channel.published(DETECTOR, "b" * 12, NOW, percent)
        reached = list(served(channel).values()).count("b" * 12)
        # 4 standard deviations of a fair draw.
        assert abs(reached - 4 * percent) <= 4 * (4 * percent * (1 - percent / 100)) ** 0.5

    def test_the_others_stay_on_the_release_before(self):
        channel = Channel.empty().published(DETECTOR, "a" * 12, NOW)
        channel = channel.published(DETECTOR, "b" * 12, NOW, 20)
        channel = channel.published(DETECTOR, "c" * 12, NOW, 20)
        assert set(served(channel).values()) == {"a" * 12, "b" * 12, "c" * 12}
        assert channel.serving(DETECTOR, None) == channel.history(DETECTOR)[0]

    def test_a_first_release_that_is_not_for_all_leaves_the_others_without(self):
        channel = Channel.empty().published(DETECTOR, "a" * 12, NOW, 50)
        assert set(served(channel).values()) == {"a" * 12, None}

    @given(VERSIONS, st.lists(st.integers(1, 100), min_size=2, max_size=6))
    def test_more_percent_take_it_away_from_nobody(self, version: str, percents: list[int]):
        reached: set[str] = set()
        for percent in sorted(percents):
            release = Release(version, target_path(DETECTOR, version), "", rollout=percent)
            now = {site for site in SITES[:100] if release.reaches(DETECTOR, site)}
            assert reached <= now
            reached = now

    def test_each_release_begins_with_other_environments(self):
        first, second = (
            {site for site in SITES if Release(v * 12, "", "", rollout=10).reaches(DETECTOR, site)}
            for v in "ab"
        )
        assert len(first & second) < len(first) / 2

    def test_who_is_served_is_the_same_on_every_machine(self):
        release = Release("0123456789ab", "", "", rollout=50)
        names = ["berlin", "oslo", "lisbon", "quito"]
        assert [release.reaches(DETECTOR, name) for name in names] == [True, False, False, False]

    def test_widening_and_narrowing(self, repository: Repository):
        publish(repository, example(seed=1))
        new = roll_out(repository, example(seed=2), 10)
        assert repository.champion(DETECTOR) == version_of(example(seed=1))
        assert repository.load(DETECTOR) == example(seed=1)
        assert repository.set_rollout(DETECTOR, 100) == new
        assert repository.champion(DETECTOR) == new
        assert repository.load(DETECTOR) == example(seed=2)
        repository.set_rollout(DETECTOR, 10)
        assert repository.channel("stable").history(DETECTOR)[-1].rollout == 10

    def test_taking_a_partial_release_back(self, repository: Repository):
        old = publish(repository, example(seed=1))
        roll_out(repository, example(seed=2), 10)
        assert repository.rollback(DETECTOR) == old
        assert set(served(repository.channel("stable")).values()) == {old}

    @pytest.mark.parametrize("percent", [0, -1, 101])
    def test_what_is_no_percentage_is_refused(self, repository: Repository, percent: int):
        with pytest.raises(InputError, match="give 1 to 100"):
            roll_out(repository, example(), percent)
        assert repository.champion(DETECTOR) is None

    def test_there_is_nothing_to_widen_before_the_first_release(self, repository: Repository):
        with pytest.raises(NotReadyError, match="Publish one first"):
            repository.set_rollout(DETECTOR, 50)


class TestChallenger:
    def test_it_stands_beside_the_champion_and_serves_nobody(self, repository: Repository):
        champion = publish(repository, example(seed=1))
        challenger = challenge(repository, example(seed=2))
        index = repository.channel("stable")
        assert set(served(index).values()) == {champion}
        found = index.challenger(DETECTOR)
        assert found is not None
        assert found.version == challenger
        assert repository.load(DETECTOR, challenger) == example(seed=2)

    def test_a_detector_may_begin_as_challenger(self, repository: Repository):
        version = challenge(repository, example())
        assert repository.champion(DETECTOR) is None
        assert repository.channel("stable").detectors == (DETECTOR,)
        assert repository.promote(DETECTOR) == repository.champion(DETECTOR) == version

    def test_promoting_makes_it_champion_and_ends_the_shadow(self, repository: Repository):
        old = publish(repository, example(seed=1))
        new = challenge(repository, example(seed=2))
        assert repository.promote(DETECTOR, rollout=30) == new
        index = repository.channel("stable")
        assert index.challenger(DETECTOR) is None
        assert set(served(index).values()) == {old, new}
        assert repository.rollback(DETECTOR) == old

    def test_a_new_one_takes_the_place_of_the_old(self, repository: Repository):
        challenge(repository, example(seed=1))
        second = challenge(repository, example(seed=2))
        found = repository.channel("stable").challenger(DETECTOR)
        assert found is not None
        assert found.version == second

    def test_a_new_champion_leaves_it_in_the_shadow(self, repository: Repository):
        challenge(repository, example(seed=1))
        publish(repository, example(seed=2))
        assert repository.channel("stable").challenger(DETECTOR)

    def test_published_as_champion_it_is_challenger_no_more(self, repository: Repository):
        challenge(repository, example())
        publish(repository, example())
        assert repository.channel("stable").challenger(DETECTOR) is None

    def test_the_champion_does_not_challenge_itself(self, repository: Repository):
        bundle = example()
        publish(repository, bundle)
        assert not repository.publish_challenger(pack(bundle), DETECTOR, version_of(bundle))

    def test_it_can_be_withdrawn(self, repository: Repository):
        challenge(repository, example())
        repository.withdraw_challenger(DETECTOR)
        assert repository.channel("stable").detectors == ()
        with pytest.raises(NotReadyError, match="has no challenger"):
            repository.withdraw_challenger(DETECTOR)
        with pytest.raises(NotReadyError, match="has no challenger"):
            repository.promote(DETECTOR)


class TestCanary:
    def test_it_is_what_is_tried_over_stable(self, repository: Repository):
        publish(repository, example("alpha", 1))
        publish(repository, example("beta", 1))
        tried = publish(repository, example("beta", 2), "canary")
        index = repository.channel("canary").over(repository.channel("stable"))
        assert {name: one.version for name, one in index.champions().items()} == {
            "alpha": version_of(example("alpha", 1)),
            "beta": tried,
        }

    def test_promoting_it_makes_canary_follow_stable_again(self, repository: Repository):
        publish(repository, example(seed=1))
        tried = publish(repository, example(seed=2), "canary")
        assert repository.promote_canary(DETECTOR) == repository.champion(DETECTOR) == tried
        newest = publish(repository, example(seed=3))
        index = repository.channel("canary").over(repository.channel("stable"))
        assert index.champions()[DETECTOR].version == newest

    def test_taking_the_first_back_makes_canary_follow_stable_again(self, repository: Repository):
        stable = publish(repository, example(seed=1))
        publish(repository, example(seed=2), "canary")
        assert repository.rollback(DETECTOR, "canary") == stable
        assert repository.channel("canary").detectors == ()
        with pytest.raises(NotReadyError, match="no earlier version"):
            repository.rollback(DETECTOR, "canary")

    def test_what_has_no_release_beneath_it_stays(self, repository: Repository):
        publish(repository, example(), "canary")
        with pytest.raises(NotReadyError, match="no earlier version"):
            repository.rollback(DETECTOR, "canary")

    def test_there_is_nothing_to_promote_where_nothing_is_tried(self, repository: Repository):
        with pytest.raises(NotReadyError, match="is being tried"):
            repository.promote_canary(DETECTOR)

    def test_a_rollout_in_canary_leaves_its_others_on_stable(self):
        stable = Channel.empty().published(DETECTOR, "a" * 12, NOW)
        canary = Channel.empty().published(DETECTOR, "b" * 12, NOW, 50)
        assert set(served(canary.over(stable)).values()) == {"a" * 12, "b" * 12}

    def test_promoting_killed_at_any_step_serves_one_or_the_other(
        self, repository: Repository, tmp_path: Path
    ):
        publish(repository, example(seed=0))
        seed = step = 0
        client = client_of(repository, tmp_path / "cache")
        while True:
            seed, step = seed + 1, step + 1
            tried = publish(repository, example(seed=seed), "canary")
            killed = killed_at(step, lambda: repository.promote_canary(DETECTOR))
            client.pull("stable")
            stable, canary = repository.channel("stable"), repository.channel("canary")
            # Both indexes are signed at once.
            promoted = stable.champions()[DETECTOR].version == tried
            assert promoted == (DETECTOR not in canary.champions())
            if not killed:
                break
        assert promoted
        assert step > 8


class TestIndex:
    def test_what_uses_none_of_it_is_written_as_it_always_was(self):
        content = Channel.empty().published(DETECTOR, "a" * 12, NOW).to_bytes().decode()
        assert "rollout" not in content
        assert "challenger" not in content

    def test_rollouts_and_challengers_come_back(self):
        channel = Channel.empty().published(DETECTOR, "a" * 12, NOW, 7)
        channel = channel.challenged(DETECTOR, "b" * 12, NOW).challenged("other", "c" * 12, NOW)
        assert Channel.from_bytes(channel.to_bytes()) == Channel(
            {**channel.releases, "other": ()}, channel.challengers
        )

    @pytest.mark.parametrize(
        ("said", "meant"),
        [
            ('"rollout": 7', '"rollout": 0'),
            ('"rollout": 7', '"rollout": 107'),
            ('"rollout": 7', '"rollout": true'),
            ('"rollout": 7', '"rollout": 7.5'),
            ('"rollout": 7', '"rollout": 100'),
            ("bundles/ssh_bruteforce/bbbbbbbbbbbb.tar", "bundles/other/bbbbbbbbbbbb.tar"),
            ('"challenger": {', '"challenger": {"withdrawn": "2026-01-01",'),
            ('"challenger": {', '"challenger": {"rollout": 50,'),
            ('"challenger": {', '"champion": {'),
        ],
    )
    def test_a_changed_index_is_refused(self, said: str, meant: str):
        channel = Channel.empty().published(DETECTOR, "a" * 12, NOW, 7)
        content = channel.challenged(DETECTOR, "b" * 12, NOW).to_bytes().decode()
        Channel.from_bytes(content.encode())
        assert said in content
        with pytest.raises(ReleaseError, match="malformed"):
            Channel.from_bytes(content.replace(said, meant).encode())

    def test_what_environments_may_want(self):
        channel = Channel.empty()
        for letter, percent in (("a", 100), ("b", 100), ("c", 100), ("d", 10), ("e", 20)):
            channel = channel.published(DETECTOR, letter * 12, NOW, percent)
        channel = channel.challenged(DETECTOR, "f" * 12, NOW)
        assert [release.version[0] for release in channel.needed(DETECTOR)] == list("edcbf")


class TestEnvironments:
    BERLIN = Environment(name="berlin", sources=["sshd"], detectors=[DETECTOR], channel="canary")
    OSLO = Environment(name="oslo", display_name="Oslo", description="Where it is dark.")

    def test_definitions_are_signed_without_what_is_for_people(self, repository: Repository):
        changed = repository.publish_environments([self.BERLIN, self.OSLO])
        assert changed == ("berlin", "oslo")
        assert repository.environments() == {
            "berlin": self.BERLIN,
            "oslo": Environment(name="oslo"),
        }

    def test_what_did_not_change_is_not_signed_again(self, repository: Repository):
        repository.publish_environments([self.BERLIN, self.OSLO])
        before = repository.store.metadata.read().timestamp.version
        renamed = Environment(name="oslo", display_name="Kristiania")
        assert repository.publish_environments([renamed, self.BERLIN]) == ()
        assert repository.store.metadata.read().timestamp.version == before

    def test_what_changed_or_went_is_told(self, repository: Repository):
        repository.publish_environments([self.BERLIN, self.OSLO])
        assert repository.publish_environments([Environment(name="berlin")]) == ("berlin", "oslo")
        assert repository.environments() == {"berlin": Environment(name="berlin")}

    def test_a_name_that_could_leave_the_directory_is_refused(self, repository: Repository):
        with pytest.raises(ReleaseError, match="cannot name"):
            repository.publish_environments([Environment(name="../berlin")])

    def test_releases_and_environments_published_at_once_are_both_there(
        self, repository: Repository
    ):
        def environments() -> None:
            for number in range(5):
                channel = "canary" if number % 2 else "stable"
                repository.publish_environments([Environment(name="berlin", channel=channel)])

        def releases() -> None:
            for seed in range(5):
                publish(repository, example(seed=seed, size=50))

        assert [status_of(pid) for pid in map(in_a_process, (environments, releases))] == [0, 0]
        assert repository.environments()["berlin"].channel == "stable"
        assert len(repository.history(DETECTOR)) == 5
