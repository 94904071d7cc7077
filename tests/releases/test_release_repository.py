"""Publishing, taking back, renewing; several publishers, and publishers that die."""

import fcntl
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.releases.builders import (
    client_of,
    example,
    in_a_process,
    killed_at,
    new_repository,
    publish,
    status_of,
    with_file_size_limit,
)
from whetstone.errors import NotReadyError, ReleaseError
from whetstone.releases import Repository, pack
from whetstone.releases.channel import Channel

DETECTOR = "ssh_bruteforce"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return new_repository(tmp_path / "releases")


def files_of(repository: Repository) -> dict[str, bytes]:
    paths = (path for path in repository.public.rglob("*") if path.is_file())
    return {str(path.relative_to(repository.public)): path.read_bytes() for path in paths}


def versions_in(repository: Repository, channel: str = "stable") -> list[str]:
    return [release.version for release in repository.history(DETECTOR, channel)]


def test_what_was_published_is_champion_and_loads(repository: Repository):
    bundle = example()
    version = publish(repository, bundle)
    assert repository.champion(DETECTOR) == version
    assert repository.load(DETECTOR) == repository.load(DETECTOR, version) == bundle


def test_initialising_again_changes_nothing(repository: Repository):
    publish(repository, example())
    before = files_of(repository)
    repository.init()
    assert files_of(repository) == before


def test_the_signing_keys_are_the_owners_alone_and_not_served(tmp_path: Path):
    repository = new_repository(tmp_path)
    keys = sorted(tmp_path.glob("*keys/*"))
    assert [str(key.relative_to(tmp_path)) for key in keys] == [
        "keys/snapshot.pem",
        "keys/targets.pem",
        "keys/timestamp.pem",
        "root-keys/root.pem",
    ]
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert not any(b"PRIVATE" in content for content in files_of(repository).values())


def test_every_role_has_a_key_of_its_own(tmp_path: Path):
    new_repository(tmp_path)
    assert len({key.read_bytes() for key in tmp_path.glob("*keys/*")}) == 4


def test_publishing_the_champion_again_changes_nothing(repository: Repository):
    bundle = example()
    publish(repository, bundle)
    before = files_of(repository)
    assert not repository.publish(pack(bundle), DETECTOR, bundle.manifest["version"])
    assert files_of(repository) == before


def test_publishing_the_champion_again_repairs_its_file(repository: Repository):
    bundle = example()
    publish(repository, bundle)
    (file,) = repository.public.glob("targets/bundles/**/*.tar")
    file.write_bytes(b"rotten")
    with pytest.raises(ReleaseError, match="publishing it again"):
        repository.load(DETECTOR)
    publish(repository, bundle)
    assert repository.load(DETECTOR) == bundle


def test_channels_are_separate_and_share_bundles(repository: Repository):
    canary = publish(repository, example(seed=2), "canary")
    stable = publish(repository, example(seed=1))
    assert repository.champion(DETECTOR, "canary") == canary
    assert repository.champion(DETECTOR) == stable
    assert publish(repository, example(seed=2)) == canary
    assert len(list(repository.public.glob("targets/bundles/**/*.tar"))) == 2


def test_a_bundle_is_published_only_under_its_own_name(repository: Repository):
    bundle = example()
    with pytest.raises(ReleaseError, match="the bundle is ssh_bruteforce"):
        repository.publish(pack(bundle), "other", bundle.manifest["version"])
    with pytest.raises(ReleaseError, match="the bundle is ssh_bruteforce"):
        repository.publish(pack(bundle), DETECTOR, "0" * 12)


@pytest.mark.parametrize("name", ["../x", "a/b", "", "A", "x" * 101, ".hidden"])
def test_a_name_that_could_leave_the_directory_is_refused(repository: Repository, name: str):
    with pytest.raises(ReleaseError, match="cannot name a"):
        repository.publish(b"", name, "0" * 12)
    with pytest.raises(ReleaseError, match="cannot name a"):
        repository.publish(b"", DETECTOR, "0" * 12, name)


def test_a_malformed_bundle_is_not_published(repository: Repository):
    with pytest.raises(ReleaseError, match="bundle refused"):
        repository.publish(b"no bundle", DETECTOR, "0" * 12)


def test_without_init_the_message_says_so(tmp_path: Path):
    with pytest.raises(NotReadyError, match="Initialise"):
        publish(Repository(tmp_path), example())


def test_what_was_not_published_is_not_there(repository: Repository):
    assert repository.champion(DETECTOR) is None
    assert repository.history(DETECTOR) == ()
    with pytest.raises(NotReadyError, match="Publish it first"):
        repository.load(DETECTOR)


def test_rolling_back_twice_goes_two_back_and_publishing_goes_on(repository: Repository):
    one, two, three = (publish(repository, example(seed=seed)) for seed in (1, 2, 3))
    assert repository.rollback(DETECTOR) == two
    assert repository.rollback(DETECTOR) == repository.champion(DETECTOR) == one
    four = publish(repository, example(seed=4))
    assert repository.champion(DETECTOR) == four
    assert repository.rollback(DETECTOR) == one
    assert versions_in(repository) == [one, two, three, four]
    withdrawn = [release.withdrawn is not None for release in repository.history(DETECTOR)]
    assert withdrawn == [False, True, True, True]


def test_rolling_back_to_a_named_version_withdraws_all_after_it(repository: Repository):
    one, two, three = (publish(repository, example(seed=seed)) for seed in (1, 2, 3))
    assert repository.rollback(DETECTOR, to_version=one) == one
    with pytest.raises(NotReadyError, match="no earlier version"):
        repository.rollback(DETECTOR)
    with pytest.raises(NotReadyError, match="no earlier version"):
        repository.rollback(DETECTOR, to_version=two)
    publish(repository, example(seed=3))
    with pytest.raises(NotReadyError, match=f"to {two}.* are {one}"):
        repository.rollback(DETECTOR, to_version=two)
    assert repository.champion(DETECTOR) == three


def test_a_withdrawn_version_may_be_published_again(repository: Repository):
    one, two = (publish(repository, example(seed=seed)) for seed in (1, 2))
    repository.rollback(DETECTOR)
    publish(repository, example(seed=2))
    assert repository.champion(DETECTOR) == two
    assert repository.rollback(DETECTOR) == one


STEPS = st.lists(st.sampled_from("abcd") | st.just("back"), max_size=25)


@given(STEPS)
@settings(max_examples=200)
def test_a_channel_is_a_stack_that_remembers(steps: list[str]):
    channel, stack, count = Channel.empty(), [], 0
    now = datetime(2025, 1, 1, tzinfo=UTC)
    for step in steps:
        if step != "back":
            channel = channel.published("x", step * 12, now)
            stack.append(step * 12)
            count += 1
        elif len(stack) > 1:
            channel = channel.rolled_back("x", None, now)
            stack.pop()
        else:
            with pytest.raises(NotReadyError):
                channel.rolled_back("x", None, now)
        channel = Channel.from_bytes(channel.to_bytes())
        champion = channel.champion("x")
        assert (champion.version if champion else None) == (stack[-1] if stack else None)
        assert len(channel.history("x")) == count


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"x": {}}',
        b'{"x": {"history": []}}',
        b'{"x": {"history": [{}]}}',
        b'{"x": {"history": [{"version": null, "target": "t", "published": "p"}]}}',
        b'{"x": {"history": [{"version": "../../../etc", "target": "t", "published": "p"}]}}',
        b'{"x": {"history": [{"version": "0123456789ab", "target": "t", "published": "p"}]}}',
        b'{"../x": {"history": []}}',
        b"[" * 100_000,
    ],
)
def test_a_malformed_index_is_refused(content: bytes):
    with pytest.raises(ReleaseError):
        Channel.from_bytes(content)


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


def test_refreshing_fresh_metadata_does_nothing(repository: Repository):
    before = files_of(repository)
    assert repository.refresh() == ()
    assert files_of(repository) == before


def test_refreshing_keeps_a_repository_alive_for_years(tmp_path: Path):
    clock = Clock()
    clock.now -= timedelta(days=650)
    repository = Repository(tmp_path / "releases", clock)
    repository.init()
    trusted_root = repository.root()
    version = publish(repository, example())
    renewed: list[str] = []
    while clock.now < datetime.now(UTC):
        renewed += repository.refresh()
        clock.now += timedelta(days=3)
    assert set(renewed) == {"root", "targets", "timestamp"}
    assert repository.root() != trusted_root
    client = client_of(repository, tmp_path / "cache")
    assert [pulled.version for pulled in client.pull("stable")] == [version]


def test_metadata_that_no_client_reads_any_more_goes_and_every_bundle_stays(
    repository: Repository,
):
    versions = [publish(repository, example(seed=seed, size=50)) for seed in range(40)]
    files = files_of(repository)
    assert 30 < sum(name.endswith(".targets.json") for name in files) < 40
    assert 30 < sum(name.endswith(".snapshot.json") for name in files) < 40
    assert 30 < sum("channels/" in name for name in files) < 40
    assert "metadata/1.root.json" in files
    for version in versions:
        assert repository.load(DETECTOR, version).manifest["version"] == version


def test_a_missing_key_stops_publishing_and_harms_nothing(tmp_path: Path):
    repository = new_repository(tmp_path)
    version = publish(repository, example(seed=1))
    (tmp_path / "keys" / "snapshot.pem").rename(tmp_path / "elsewhere.pem")
    with pytest.raises(ReleaseError, match=r"cannot sign as snapshot"):
        publish(repository, example(seed=2))
    assert repository.champion(DETECTOR) == version
    (tmp_path / "elsewhere.pem").rename(tmp_path / "keys" / "snapshot.pem")
    assert publish(repository, example(seed=2)) == repository.champion(DETECTOR)


def test_another_repositorys_key_does_not_sign(tmp_path: Path):
    ours, theirs = new_repository(tmp_path / "ours"), tmp_path / "theirs"
    new_repository(theirs)
    (theirs / "keys" / "targets.pem").replace(tmp_path / "ours" / "keys" / "targets.pem")
    with pytest.raises(ReleaseError, match="cannot sign as targets"):
        publish(ours, example())


def test_the_root_key_is_not_needed_for_publishing(tmp_path: Path):
    repository = new_repository(tmp_path)
    (tmp_path / "root-keys" / "root.pem").unlink()
    assert publish(repository, example()) == repository.champion(DETECTOR)


def test_a_repository_that_lost_its_timestamp_is_not_begun_anew(repository: Repository):
    publish(repository, example())
    (repository.public / "metadata" / "timestamp.json").unlink()
    with pytest.raises(ReleaseError, match="Restore it from a backup"):
        repository.init()


def test_tampering_with_the_publishers_metadata_is_seen(repository: Repository):
    publish(repository, example())
    targets = repository.public / "metadata" / "2.targets.json"
    targets.write_bytes(targets.read_bytes().replace(b"stable", b"stably"))
    with pytest.raises(ReleaseError, match=r"damaged at .*2\.targets\.json"):
        repository.champion(DETECTOR)


def test_a_publisher_waits_for_another_and_then_says_who_it_was(tmp_path: Path):
    new_repository(tmp_path)
    hasty = Repository(tmp_path, lock_timeout=0.05)
    with (tmp_path / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ReleaseError, match=r"another process \(pid \d+\) has been publishing"):
            publish(hasty, example())
    publish(hasty, example())


def test_many_publishers_at_once_lose_nothing(repository: Repository, tmp_path: Path):
    def publishing(first: int) -> None:
        for seed in range(first, first + 5):
            publish(repository, example("shared", seed, size=50))
        publish(repository, example(f"own_{first}", size=50))

    publishers = [in_a_process(lambda first=first: publishing(first)) for first in (0, 10, 20, 30)]
    assert [status_of(pid) for pid in publishers] == [0, 0, 0, 0]
    published = {release.version for release in repository.history("shared")}
    assert len(published) == len(repository.history("shared")) == 20
    pulled = client_of(repository, tmp_path / "cache").pull("stable")
    assert [each.detector for each in pulled] == ["own_0", "own_10", "own_20", "own_30", "shared"]


def deaths(action: Callable[[], object]) -> Iterator[int]:
    """Kills `action` at its first step, then at its second … until it survives."""
    step = 1
    while killed_at(step, action):
        yield step
        step += 1


def test_a_publisher_killed_at_any_step_leaves_a_repository_that_clients_verify(
    repository: Repository, tmp_path: Path
):
    """After each death: an old and a new client see a whole state; the next publication works."""
    standing = publish(repository, example(seed=0))
    old_client = client_of(repository, tmp_path / "old")
    old_client.pull("stable")
    seed, steps = 1, 0
    while killed_at(steps + 1, partial(publish, repository, example(seed=seed))):
        steps += 1
        wanted = example(seed=seed).manifest["version"]
        (old,) = old_client.pull("stable")
        (fresh,) = client_of(repository, tmp_path / f"fresh{steps}").pull("stable")
        assert old.version == fresh.version == repository.champion(DETECTOR)
        assert old.version in (standing, wanted)
        standing = publish(repository, example(seed=seed + 1))
        assert old_client.pull("stable")[0].version == standing
        seed += 2
    assert steps == 15  # five files, each written, flushed and renamed


def test_initialising_killed_at_any_step_is_repeated_safely(tmp_path: Path):
    for step in deaths(lambda: Repository(tmp_path / "once").init()):
        directory = tmp_path / str(step)
        assert killed_at(step, lambda directory=directory: Repository(directory).init())
        repository = new_repository(directory)
        version = publish(repository, example())
        client = client_of(repository, tmp_path / f"cache{step}")
        assert client.pull("stable")[0].version == version
        assert not list(directory.rglob(".partial-*"))


def test_a_full_disk_leaves_the_repository_as_it_was(repository: Repository, tmp_path: Path):
    standing = publish(repository, example(seed=1))

    def fails() -> None:
        with pytest.raises(ReleaseError, match="cannot write the release repository"):
            publish(repository, example(seed=2, size=50_000))

    assert with_file_size_limit(20_000, fails) == 0
    assert repository.champion(DETECTOR) == standing
    assert client_of(repository, tmp_path / "cache").pull("stable")[0].version == standing
    assert publish(repository, example(seed=2)) == repository.champion(DETECTOR)


def test_older_metadata_put_in_the_place_of_newer_is_seen_by_the_publisher(
    repository: Repository,
):
    for seed in (1, 2):
        publish(repository, example(seed=seed))
    metadata = repository.public / "metadata"
    (metadata / "3.targets.json").write_bytes((metadata / "2.targets.json").read_bytes())
    with pytest.raises(ReleaseError, match=r"damaged at .*3\.targets\.json"):
        repository.champion(DETECTOR)
