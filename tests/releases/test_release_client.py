"""Pulling what the real publisher signed, from honest mirrors and from such as change it.

That the client has a check of its own against each attack is shown in `test_attacks`; here, that
what the publisher signs is such that the checks find something to hold on to.
"""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest
from tuf.ngclient import TargetFile

from tests.releases.builders import (
    client_of,
    example,
    killed_at,
    new_repository,
    publish,
    web_server,
    with_file_size_limit,
)
from whetstone.errors import NotReadyError, ReleaseError
from whetstone.releases import Client, Repository, pack
from whetstone.releases.channel import target_path
from whetstone.releases.metadata import MetadataFiles

DETECTOR = "ssh_bruteforce"


class Site:
    """A platform, and an environment that reached it once and sees whatever is at `served`."""

    def __init__(self, directory: Path, url: str):
        self.served = directory / "served"
        self.repository = new_repository(directory / "releases")
        self.first = publish(self.repository, example(seed=1))
        self.mirror()
        self.cache = directory / "cache"
        self.client = Client(url, self.cache, self.repository.root())
        self.client.pull("stable")
        self.second = publish(self.repository, example(seed=2))

    def mirror(self, repository: Repository | None = None) -> None:
        """Makes `served` what the repository is now."""
        shutil.rmtree(self.served, ignore_errors=True)
        shutil.copytree((repository or self.repository).public, self.served)

    def metadata(self, name: str) -> Path:
        return self.served / "metadata" / name

    def bundle(self, version: str) -> Path:
        (path,) = self.served.glob(f"targets/bundles/{DETECTOR}/*.{version}.tar")
        return path

    def refuses(self, check: str) -> None:
        """A pull fails by `check`, names a remedy, and leaves the first bundle in service."""
        with pytest.raises(ReleaseError, match=check) as refused:
            self.client.pull("stable")
        assert "stays in service" in str(refused.value)
        assert self.client.load(DETECTOR) == example(seed=1)


@pytest.fixture(params=["file", "http"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    if request.param == "file":
        yield Site(tmp_path, (tmp_path / "served").as_uri())
    else:
        with web_server(tmp_path / "served") as url:
            yield Site(tmp_path, url)


def test_an_honest_mirror_delivers_the_next_version(site: Site):
    site.mirror()
    (pulled,) = site.client.pull("stable")
    assert (pulled.detector, pulled.version, pulled.changed) == (DETECTOR, site.second, True)
    assert site.client.load(DETECTOR) == example(seed=2)
    assert pulled.path.read_bytes() == site.bundle(site.second).read_bytes()


def test_a_rollback_attack_is_refused(site: Site, tmp_path: Path):
    shutil.copytree(site.served, tmp_path / "yesterday")
    publish(site.repository, example(seed=1))
    site.mirror()
    site.client.pull("stable")
    shutil.rmtree(site.served)
    (tmp_path / "yesterday").rename(site.served)
    site.refuses("rollback check failed")


def test_a_freeze_attack_is_refused_once_the_metadata_expired(site: Site, tmp_path: Path):
    last_week = Repository(
        tmp_path / "releases", clock=lambda: datetime.now(UTC) - timedelta(days=7, minutes=1)
    )
    publish(last_week, example(seed=3))
    site.mirror()
    site.refuses(r"freshness check failed.*freeze.*timestamp\.json is expired")
    assert site.repository.refresh() == ("timestamp",)
    site.mirror()
    assert site.client.pull("stable")[0].changed


@pytest.mark.parametrize(
    ("old", "new"),
    [("2.snapshot.json", "3.snapshot.json"), ("2.targets.json", "3.targets.json")],
)
def test_a_mix_and_match_attack_is_refused(site: Site, old: str, new: str):
    site.mirror()
    shutil.copy(site.metadata(old), site.metadata(new))
    site.refuses("consistency check failed.*mix-and-match")


def test_a_mix_and_match_of_bundles_is_refused(site: Site):
    site.mirror()
    shutil.copy(site.bundle(site.first), site.bundle(site.second))
    site.refuses("content check failed")


def test_metadata_of_a_wrong_key_is_refused(site: Site, tmp_path: Path):
    attacker = new_repository(tmp_path / "attacker")
    for seed in (7, 8, 9):
        publish(attacker, example(seed=seed))
    site.mirror(attacker)
    site.refuses(r"signature check failed \(wrong key\).*timestamp")


def test_a_root_of_a_wrong_key_is_refused(site: Site, tmp_path: Path):
    attacker = new_repository(tmp_path / "attacker")
    site.mirror()
    shutil.copy(attacker.public / "metadata" / "1.root.json", site.metadata("2.root.json"))
    site.refuses(r"signature check failed \(wrong key\)")


def test_a_truncated_bundle_is_refused(site: Site):
    site.mirror()
    path = site.bundle(site.second)
    path.write_bytes(path.read_bytes()[:-1])
    site.refuses("content check failed.*truncated")


@pytest.mark.parametrize("name", ["timestamp.json", "3.snapshot.json", "3.targets.json"])
def test_truncated_metadata_is_refused(site: Site, name: str):
    site.mirror()
    path = site.metadata(name)
    path.write_bytes(path.read_bytes()[:-20])
    site.refuses("(consistency|form) check failed")


def test_an_oversize_bundle_is_refused(site: Site):
    site.mirror()
    path = site.bundle(site.second)
    path.write_bytes(path.read_bytes() + b"\0" * 100_000)
    site.refuses("size check failed.*oversize")


@pytest.mark.parametrize("name", ["timestamp.json", "3.snapshot.json", "3.targets.json"])
def test_endless_metadata_is_refused(site: Site, name: str):
    site.mirror()
    path = site.metadata(name)
    path.write_bytes(path.read_bytes() + b" " * 100_000)
    site.refuses("size check failed.*oversize")


def test_a_changed_bundle_is_refused(site: Site):
    site.mirror()
    path = site.bundle(site.second)
    content = bytearray(path.read_bytes())
    content[-2000] ^= 1
    path.write_bytes(content)
    site.refuses("content check failed.*changed")


def test_a_missing_bundle_is_reported(site: Site):
    site.mirror()
    site.bundle(site.second).unlink()
    site.refuses("download failed.*bundles/ssh_bruteforce")


def test_an_empty_server_is_unreachable(site: Site):
    shutil.rmtree(site.served)
    site.refuses("unreachable.*Check the URL")


def test_after_an_attack_the_honest_mirror_works_again(site: Site):
    site.mirror()
    site.metadata("timestamp.json").write_bytes(b"{}")
    site.refuses("form check failed")
    site.mirror()
    assert site.client.pull("stable")[0].version == site.second


def test_a_server_that_does_not_answer_is_unreachable(tmp_path: Path):
    repository = new_repository(tmp_path / "releases")
    with web_server(tmp_path) as url:
        pass
    client = Client(url, tmp_path / "cache", repository.root())
    with pytest.raises(ReleaseError, match=r"unreachable.*refused"):
        client.pull("stable")


class BreaksOff(SimpleHTTPRequestHandler):
    """Promises whole bundles and hangs up after 1000 bytes."""

    def copyfile(self, source, outputfile):  # pyright: ignore[reportMissingParameterType]
        content = source.read()
        outputfile.write(content[:1000] if self.path.endswith(".tar") else content)


def test_a_connection_that_breaks_off_is_reported(tmp_path: Path):
    repository = new_repository(tmp_path / "releases")
    publish(repository, example())
    with web_server(repository.public, BreaksOff) as url:
        client = Client(url, tmp_path / "cache", repository.root())
        with pytest.raises(ReleaseError, match=r"download failed|content check failed"):
            client.pull("stable")
    with pytest.raises(NotReadyError, match="never pulled"):
        client.load(DETECTOR)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return new_repository(tmp_path / "releases")


def test_without_a_root_there_is_no_trust(repository: Repository, tmp_path: Path):
    with pytest.raises(ReleaseError, match="no root to trust"):
        Client(repository.url, tmp_path / "cache", None)


def test_a_cache_remembers_whom_it_trusts(repository: Repository, tmp_path: Path):
    version = publish(repository, example())
    client_of(repository, tmp_path / "cache").pull("stable")
    again = Client(repository.url, tmp_path / "cache")
    assert again.champions("stable")[DETECTOR].version == version


@pytest.mark.parametrize("root", [b"", b"{}", b"\xff"])
def test_a_root_that_is_none_is_refused(repository: Repository, tmp_path: Path, root: bytes):
    with pytest.raises(ReleaseError, match=r"form check failed.*trusted root"):
        Client(repository.url, tmp_path / "cache", root).pull("stable")


@pytest.mark.parametrize("url", ["/a/path", "ftp://host/x", "file://host/x", "http://", ""])
def test_what_is_no_url_is_refused(tmp_path: Path, url: str):
    with pytest.raises(ReleaseError, match="is no release repository"):
        Client(url, tmp_path, b"{}")


def test_what_did_not_change_is_not_downloaded_again(repository: Repository, tmp_path: Path):
    publish(repository, example("alpha"))
    publish(repository, example("beta", seed=1))
    client = client_of(repository, tmp_path / "cache")
    assert [each.changed for each in client.pull("stable")] == [True, True]
    publish(repository, example("beta", seed=2))
    for path in repository.public.glob("targets/bundles/alpha/*"):
        path.unlink()
    pulled = client.pull("stable")
    assert [(each.detector, each.changed) for each in pulled] == [("alpha", False), ("beta", True)]
    for path in repository.public.glob("targets/**/*.*"):
        path.unlink()
    assert [each.changed for each in client.pull("stable")] == [False, False]


def test_a_rollback_by_the_platform_reaches_the_environment(repository: Repository, tmp_path: Path):
    one = publish(repository, example(seed=1))
    client = client_of(repository, tmp_path / "cache")
    publish(repository, example(seed=2))
    client.pull("stable")
    repository.rollback(DETECTOR)
    (pulled,) = client.pull("stable")
    assert (pulled.version, pulled.changed) == (one, True)
    assert client.load(DETECTOR) == example(seed=1)


def test_only_the_detectors_asked_for_are_pulled(repository: Repository, tmp_path: Path):
    for name in ("alpha", "beta"):
        publish(repository, example(name))
    client = client_of(repository, tmp_path / "cache")
    assert [each.detector for each in client.pull("stable", ["beta"])] == ["beta"]
    assert set(client.champions("stable")) == {"alpha", "beta"}
    with pytest.raises(NotReadyError, match="never pulled"):
        client.load("alpha")
    with pytest.raises(NotReadyError, match="no release of gamma; it has alpha, beta"):
        client.pull("stable", ["alpha", "gamma"])


def test_an_unknown_channel_is_named(repository: Repository, tmp_path: Path):
    publish(repository, example())
    with pytest.raises(NotReadyError, match="no channel canary"):
        client_of(repository, tmp_path / "cache").pull("canary")


def test_if_one_bundle_fails_none_is_replaced(repository: Repository, tmp_path: Path):
    client = client_of(repository, tmp_path / "cache")
    for seed in (1, 2):
        for name in ("alpha", "beta"):
            publish(repository, example(name, seed))
        if seed == 1:
            client.pull("stable")
    (path,) = repository.public.glob(
        f"targets/bundles/beta/*.{example('beta', 2).manifest['version']}.tar"
    )
    path.write_bytes(b"")
    with pytest.raises(ReleaseError, match="content check failed"):
        client.pull("stable")
    assert client.load("alpha") == example("alpha", 1)


def test_a_damaged_cache_is_repaired_by_the_next_pull(repository: Repository, tmp_path: Path):
    publish(repository, example())
    client = client_of(repository, tmp_path / "cache")
    (pulled,) = client.pull("stable")
    pulled.path.write_bytes(b"rotten")
    with pytest.raises(ReleaseError, match="pull it again"):
        client.load(DETECTOR)
    assert client.pull("stable")[0].changed
    assert client.load(DETECTOR) == example()


def test_a_pull_killed_at_any_step_leaves_a_bundle_that_loads(
    repository: Repository, tmp_path: Path
):
    client = client_of(repository, tmp_path / "cache")
    publish(repository, example(seed=0))
    client.pull("stable")
    step = seed = 0
    while True:
        publish(repository, example(seed=seed + 1))
        step += 1
        killed = killed_at(step, lambda: client.pull("stable"))
        assert client.load(DETECTOR).manifest["seed"] in (seed, seed + 1)
        client.pull("stable")
        seed += 1
        assert client.load(DETECTOR).manifest["seed"] == seed
        if not killed:
            break
    assert step > 6


def test_a_full_disk_leaves_the_bundle_in_service(repository: Repository, tmp_path: Path):
    client = client_of(repository, tmp_path / "cache")
    publish(repository, example(seed=1))
    client.pull("stable")
    publish(repository, example(seed=2, size=50_000))

    def fails() -> None:
        with pytest.raises(ReleaseError, match=r"the cache .* cannot be written"):
            client.pull("stable")

    assert with_file_size_limit(20_000, fails) == 0
    assert client.load(DETECTOR) == example(seed=1)
    assert client.pull("stable")[0].changed


def sign(repository: Repository, *targets: TargetFile, gone: str = "") -> None:
    """What whoever holds the signing keys could publish by mistake or malice."""
    files = MetadataFiles(repository.public / "metadata", repository.public.parent / "keys")
    state = files.read()
    for target in targets:
        state.targets.targets[target.path] = target
    state.targets.targets.pop(gone, None)
    files.commit(state.targets, state, datetime.now(UTC))


def test_a_signed_size_above_the_limit_is_not_downloaded(repository: Repository, tmp_path: Path):
    path = target_path(DETECTOR, publish(repository, example()))
    sign(repository, TargetFile(10 << 30, {"sha256": "0" * 64}, path))
    with pytest.raises(ReleaseError, match=r"size check failed.*nothing was downloaded"):
        client_of(repository, tmp_path / "cache").pull("stable")


def test_an_index_that_names_an_unsigned_bundle_is_refused(repository: Repository, tmp_path: Path):
    sign(repository, gone=target_path(DETECTOR, publish(repository, example())))
    with pytest.raises(ReleaseError, match=r"mix-and-match check failed.*do not"):
        client_of(repository, tmp_path / "cache").pull("stable")


def test_a_bundle_signed_as_another_is_refused(repository: Repository, tmp_path: Path):
    old, new = (publish(repository, example(seed=seed)) for seed in (1, 2))
    content = pack(example(seed=1))
    target = TargetFile.from_data(target_path(DETECTOR, new), content, ["sha256"])
    (repository.public / "targets" / target.get_prefixed_paths()[0]).write_bytes(content)
    sign(repository, target)
    with pytest.raises(ReleaseError, match=f"mix-and-match check failed.*{old}"):
        client_of(repository, tmp_path / "cache").pull("stable")
