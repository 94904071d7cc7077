"""Keys: several of them, other ones, offline ones; and environments that see no gap meanwhile."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tuf.api.metadata import Metadata, MetaFile, Snapshot

from tests.releases.builders import client_of, example, killed_at, new_repository, publish
from whetstone.errors import InputError, NotReadyError, ReleaseError
from whetstone.releases import Client, Repository
from whetstone.releases.ceremony import Ceremony, sign_file
from whetstone.releases.health import Health, read_health, root_needs_signing
from whetstone.releases.keys import KeyFiles, Quorum
from whetstone.releases.metadata import MetadataFiles
from whetstone.releases.root import role_keys

ONLINE = ["targets", "snapshot", "timestamp"]


class Platform:
    """A repository whose root takes two of three keys, each on a disk of its own."""

    def __init__(self, directory: Path):
        self.directory = directory / "releases"
        self.disks = [directory / name for name in ("ada", "grace", "vault")]
        self.repository = self.with_disks(0, 1, 2)
        self.repository.init({"root": Quorum(2, 3)})
        publish(self.repository, example())
        self.client = client_of(self.repository, directory / "cache")
        self.pull()

    def with_disks(self, *plugged: int) -> Repository:
        return Repository(self.directory, root_keys=[self.disks[number] for number in plugged])

    def pull(self) -> str:
        (pulled,) = self.client.pull("stable")
        return pulled.version

    def root_version(self) -> int:
        return self.repository.store.metadata.root().signed.version


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return Platform(tmp_path)


def legacy(directory: Path) -> Repository:
    """As earlier versions made it: root's only key lies among the online ones."""
    MetadataFiles(directory / "public" / "metadata", directory / "keys").create(datetime.now(UTC))
    assert sorted(path.name for path in directory.glob("*/*.pem")) == [
        "root.pem",
        "snapshot.pem",
        "targets.pem",
        "timestamp.pem",
    ]
    return Repository(directory)


def health_of(repository: Repository) -> Health:
    return read_health(repository, datetime.now(UTC))


class TestQuorums:
    def test_each_root_key_lies_on_a_disk_of_its_own(self, platform: Platform):
        assert [len(list(disk.glob("*.pem"))) for disk in platform.disks] == [1, 1, 1]
        assert not list(platform.directory.rglob("root*.pem"))

    def test_publishing_takes_as_many_keys_as_the_threshold_says(self, tmp_path: Path):
        repository = Repository(tmp_path)
        repository.init({"targets": Quorum(2, 3)})
        (tmp_path / "keys" / "targets.pem").unlink()
        version = publish(repository, example(seed=1))
        (tmp_path / "keys" / "targets-2.pem").unlink()
        with pytest.raises(ReleaseError, match="cannot sign as targets: 1 of the 2 keys"):
            publish(repository, example(seed=2))
        assert repository.champion("ssh_bruteforce") == version

    def test_fewer_signatures_than_the_threshold_are_refused_by_clients(self, tmp_path: Path):
        repository = Repository(tmp_path / "releases")
        repository.init({"targets": Quorum(2, 2)})
        publish(repository, example())
        client = client_of(repository, tmp_path / "cache")
        metadata = repository.store.metadata
        state = metadata.read()
        state.targets.version += 1
        weak = Metadata(state.targets)
        weak.sign(metadata.keys.signers(role_keys(state.root, "targets"))[0])
        (metadata.directory / "3.targets.json").write_bytes(weak.to_bytes())
        meta = {"targets.json": MetaFile.from_data(3, weak.to_bytes(), ["sha256"])}
        metadata._commit_snapshot(Snapshot(meta=meta), state, datetime.now(UTC), [state.root])
        with pytest.raises(ReleaseError, match=r"signature check failed.*signed by 1/2 keys"):
            client.pull("stable")

    @pytest.mark.parametrize("text", ["", "2", "3/2", "0/1", "a/b", "1/1000"])
    def test_what_is_no_quorum_is_refused(self, text: str):
        with pytest.raises(InputError, match="write 2/3"):
            Quorum.parse(text)

    def test_a_key_that_cannot_be_read_is_named(self, tmp_path: Path):
        repository = new_repository(tmp_path)
        (tmp_path / "keys" / "targets.pem").write_text("no key")
        with pytest.raises(ReleaseError, match=r"cannot sign as targets.*targets\.pem"):
            publish(repository, example())
        assert any("cannot be read" in need for need in health_of(repository).needs)


class TestRotation:
    @pytest.mark.parametrize("roles", [[role] for role in ("root", *ONLINE)] + [["root", *ONLINE]])
    def test_environments_old_and_new_follow(
        self, platform: Platform, tmp_path: Path, roles: list[str]
    ):
        first_root = (platform.directory / "public" / "metadata" / "1.root.json").read_bytes()
        before = set(platform.directory.rglob("*.pem"))
        proposal = Ceremony(platform.repository).rotate(roles)
        assert proposal.waits_for == ""
        assert platform.root_version() == 2
        version = publish(platform.repository, example(seed=2))
        assert platform.pull() == version
        newcomer = Client(platform.repository.url, tmp_path / "newcomer", first_root)
        assert newcomer.pull("stable")[0].version == version
        retired = before - set(platform.directory.rglob("*.pem"))
        assert {path.name for path in retired} == {f"{r}.pem" for r in roles if r != "root"}

    def test_a_chain_of_rotations_is_followed_from_its_first_root(
        self, platform: Platform, tmp_path: Path
    ):
        first_root = (platform.directory / "public" / "metadata" / "1.root.json").read_bytes()
        for role in ("root", "timestamp", "root", "targets", "root"):
            Ceremony(platform.repository).rotate([role])
        assert platform.root_version() == 6
        late = Client(platform.repository.url, tmp_path / "late", first_root)
        assert late.pull("stable")[0].version == platform.pull()

    def test_the_old_key_signs_nothing_any_more(self, platform: Platform, tmp_path: Path):
        stolen = tmp_path / "stolen"
        shutil.copytree(platform.directory, stolen)
        Ceremony(platform.repository).rotate(ONLINE)
        platform.pull()
        thief = Repository(stolen)
        publish(thief, example(seed=66))
        served = platform.directory / "public"
        # The thief serves the new root, which he cannot keep from environments, and his own rest.
        for path in (stolen / "public").rglob("*.*"):
            if "root" not in path.name:
                shutil.copy(path, served / path.relative_to(stolen / "public"))
        with pytest.raises(ReleaseError, match=r"signature check failed \(wrong key\)"):
            platform.pull()

    @pytest.mark.parametrize("roles", [ONLINE, ["snapshot"], ["timestamp"]])
    def test_metadata_is_valid_under_the_old_and_under_the_new_root(
        self, platform: Platform, roles: list[str]
    ):
        """So that no order of downloads, and no death of the publisher, shows a gap."""
        metadata = platform.repository.store.metadata
        before = metadata.root().signed
        Ceremony(platform.repository).rotate(roles)
        assert metadata.read(before).timestamp.version == metadata.read().timestamp.version

    def test_killed_at_any_step_environments_see_no_gap_and_it_can_be_repeated(
        self, tmp_path: Path
    ):
        template = new_repository(tmp_path / "template")
        publish(template, example(), "stable")
        step, killed = 0, True
        while killed:
            step += 2
            directory = tmp_path / str(step)
            shutil.copytree(tmp_path / "template", directory)
            repository = Repository(directory)
            client = client_of(template, tmp_path / f"cache{step}")
            client = Client(repository.url, tmp_path / f"cache{step}", template.root())
            killed = killed_at(step, lambda r=repository: Ceremony(r).rotate(["targets", "root"]))
            client.pull("stable")
            ceremony = Ceremony(repository)
            waiting = ceremony.proposal
            if waiting is not None:
                assert ceremony.settle(waiting).waits_for == ""
            version = publish(repository, example(seed=2))
            assert client.pull("stable")[0].version == version
        assert step > 15

    def test_a_lost_key_is_replaced(self, platform: Platform):
        (platform.directory / "keys" / "timestamp.pem").unlink()
        health = health_of(platform.repository)
        assert any("timestamp cannot be signed: 0 of the 1" in need for need in health.needs)
        Ceremony(platform.repository).rotate(["timestamp"])
        assert publish(platform.repository, example(seed=2)) == platform.pull()

    def test_a_role_that_is_none_is_refused(self, platform: Platform):
        with pytest.raises(ReleaseError, match="no role 'mirrors': name root, targets"):
            Ceremony(platform.repository).rotate(["mirrors"])

    def test_other_quorums(self, platform: Platform):
        wanted = {"targets": Quorum(2, 3), "root": Quorum(1, 2)}
        Ceremony(platform.repository).rotate(["targets", "root"], wanted)
        roles = {one.role: one for one in health_of(platform.repository).roles}
        assert (roles["targets"].threshold, roles["targets"].keys) == (2, 3)
        assert (roles["root"].threshold, roles["root"].keys) == (1, 2)
        assert publish(platform.repository, example(seed=2)) == platform.pull()


class TestCeremony:
    def test_signatures_come_one_by_one_from_machines_without_the_repository(
        self, platform: Platform, tmp_path: Path
    ):
        ceremony = Ceremony(platform.with_disks(0))
        assert "1 of the standing root keys" in ceremony.rotate(["timestamp"]).waits_for
        assert platform.root_version() == 1
        assert any("root 2 waits for" in n for n in health_of(platform.repository).needs)
        carried = tmp_path / "carried.json"
        shutil.copy(ceremony.path, carried)
        proposal, added = sign_file(carried, [platform.disks[2]])
        assert (added, proposal.waits_for) == (1, "")
        assert Ceremony(Repository(platform.directory)).settle(proposal).waits_for == ""
        assert platform.root_version() == 2
        assert publish(Repository(platform.directory), example(seed=2)) == platform.pull()
        assert not ceremony.path.exists()

    def test_the_platform_publishes_and_refreshes_while_a_root_waits(self, platform: Platform):
        Ceremony(platform.with_disks(0)).rotate(ONLINE)
        assert publish(platform.repository, example(seed=2)) == platform.pull()
        assert Repository(platform.directory).refresh() == ()

    def test_the_same_key_twice_is_one_signature(self, platform: Platform):
        ceremony = Ceremony(platform.with_disks(0))
        ceremony.rotate(["timestamp"])
        proposal, added = sign_file(ceremony.path, [platform.disks[0], platform.disks[0]])
        assert added == 0
        with pytest.raises(ReleaseError, match="lacks the signatures of 1 of the standing"):
            platform.repository.store.metadata.install(proposal, datetime.now(UTC))
        assert platform.root_version() == 1

    def test_a_new_root_key_has_to_agree_too(self, platform: Platform, tmp_path: Path):
        repository = Repository(
            platform.directory,
            root_keys=platform.disks,
            new_root_keys=[tmp_path / "new"],
        )
        ceremony = Ceremony(repository)
        proposal = ceremony.rotate(["root"], {"root": Quorum(1, 1)})
        assert proposal.waits_for == ""
        assert [path.name for path in (tmp_path / "new").iterdir()] == ["root.pem"]
        assert "1 of" in " ".join(proposal.changes)
        # The old disks decide nothing any more.
        waits = Ceremony(platform.with_disks(0, 1, 2)).rotate(["timestamp"]).waits_for
        assert "1 of the standing root keys" in waits

    def test_one_root_waits_at_a_time_and_can_be_given_up(self, platform: Platform):
        ceremony = Ceremony(platform.with_disks(0))
        before = sorted(platform.directory.rglob("*.pem"))
        ceremony.rotate(["timestamp"])
        with pytest.raises(ReleaseError, match="--discard"):
            ceremony.rotate(["targets"])
        ceremony.discard()
        assert sorted(platform.directory.rglob("*.pem")) == before
        with pytest.raises(NotReadyError, match="nothing to discard"):
            ceremony.discard()
        assert Ceremony(platform.repository).rotate(["targets"]).waits_for == ""

    def test_a_root_that_was_proposed_before_another_came_into_force_is_refused(
        self, platform: Platform
    ):
        ceremony = Ceremony(platform.with_disks(0))
        late = ceremony.rotate(["timestamp"])
        ceremony.discard()
        Ceremony(platform.repository).rotate(["targets"])
        with pytest.raises(ReleaseError, match="does not follow the standing root 2"):
            Ceremony(platform.repository).settle(late)

    @pytest.mark.parametrize(
        "content", [b"", b"{}", b"[]", b'{"standing": {}, "following": {}}', b"[" * 100_000]
    )
    def test_a_file_that_is_no_proposal_is_refused(self, tmp_path: Path, content: bytes):
        (tmp_path / "proposal").write_bytes(content)
        with pytest.raises(ReleaseError, match="no root that waits"):
            sign_file(tmp_path / "proposal", [tmp_path])

    def test_a_proposal_whose_standing_root_was_forged_is_not_signed(self, platform: Platform):
        ceremony = Ceremony(platform.with_disks(0))
        ceremony.rotate(["timestamp"])
        forged = ceremony.path.read_bytes().replace(b'"threshold": 2', b'"threshold": 1')
        ceremony.path.write_bytes(forged)
        with pytest.raises(ReleaseError, match="nothing was signed"):
            sign_file(ceremony.path, [platform.disks[1]])

    def test_what_is_signed_is_shown(self, platform: Platform):
        proposal = Ceremony(platform.with_disks(0)).rotate(["timestamp", "root"])
        first, *roles, last = proposal.changes
        assert first == "root 1 -> 2"
        assert [line.split(":")[0] for line in roles] == ["root", "timestamp"]
        assert last.startswith("expires: 20")


class TestTerms:
    def test_a_refresh_needs_no_root_key_and_root_is_not_forgotten(self, platform: Platform):
        later = datetime.now(UTC) + timedelta(days=700)
        online = Repository(platform.directory, clock=lambda: later)
        assert set(online.refresh()) == {*ONLINE}
        assert platform.root_version() == 1
        assert "sign-root" in root_needs_signing(online, later)
        assert root_needs_signing(online, later, timedelta(days=20)) == ""
        assert root_needs_signing(online, later - timedelta(days=100)) == ""
        assert any("root ends" in need for need in read_health(online, later).needs)

    def test_signing_root_anew_begins_its_term_anew(self, platform: Platform):
        later = datetime.now(UTC) + timedelta(days=700)
        repository = Repository(
            platform.directory, clock=lambda: later, root_keys=platform.disks[:2]
        )
        assert Ceremony(repository).rotate([]).waits_for == ""
        assert root_needs_signing(repository, later) == ""

    def test_with_root_keys_at_hand_a_refresh_signs_root_too(self, platform: Platform):
        later = datetime.now(UTC) + timedelta(days=700)
        repository = Repository(platform.directory, clock=lambda: later, root_keys=platform.disks)
        assert "root" in repository.refresh()

    def test_a_publisher_that_stopped_is_noticed(self, platform: Platform):
        now = datetime.now(UTC)
        assert read_health(platform.repository, now).needs == ()
        soon = read_health(platform.repository, now + timedelta(days=5)).needs
        assert any("nobody renews it" in need for need in soon)
        late = read_health(platform.repository, now + timedelta(days=8)).needs
        assert any("timestamp expired" in need for need in late)


class TestRepositoriesOfEarlierVersions:
    def test_they_go_on_working(self, tmp_path: Path):
        repository = legacy(tmp_path / "releases")
        repository.init()
        version = publish(repository, example())
        client = client_of(repository, tmp_path / "cache")
        assert client.pull("stable")[0].version == version
        later = Repository(
            tmp_path / "releases", clock=lambda: datetime.now(UTC) + timedelta(days=700)
        )
        assert "root" in later.refresh()

    def test_they_are_told_to_move_the_root_key(self, tmp_path: Path):
        (need,) = health_of(legacy(tmp_path)).needs
        assert f"a root key lies on this machine: {tmp_path / 'keys' / 'root.pem'}" in need

    def test_rotating_root_moves_it_offline(self, tmp_path: Path):
        repository = legacy(tmp_path / "releases")
        client = client_of(repository, tmp_path / "cache")
        publish(repository, example())
        client.pull("stable")
        moved = Repository(tmp_path / "releases", root_keys=[tmp_path / "disk"])
        assert Ceremony(moved).rotate(["root"]).waits_for == ""
        assert not list((tmp_path / "releases").rglob("root*.pem"))
        assert [path.name for path in (tmp_path / "disk").iterdir()] == ["root.pem"]
        assert health_of(Repository(tmp_path / "releases")).needs == ()
        version = publish(Repository(tmp_path / "releases"), example(seed=2))
        assert client.pull("stable")[0].version == version

    def test_moving_the_file_is_enough(self, tmp_path: Path):
        legacy(tmp_path / "releases")
        (tmp_path / "disk").mkdir()
        (tmp_path / "releases" / "keys" / "root.pem").rename(tmp_path / "disk" / "mine.pem")
        repository = Repository(tmp_path / "releases", root_keys=[tmp_path / "disk"])
        assert health_of(repository).needs == ()
        assert Ceremony(repository).rotate(["snapshot"]).waits_for == ""


def test_keys_are_found_by_what_they_are_and_not_by_their_names(tmp_path: Path):
    (key,) = KeyFiles([tmp_path]).first("timestamp", 1)
    KeyFiles([tmp_path]).first("decoy", 2)
    (tmp_path / "timestamp.pem").rename(tmp_path / "zzz.pem")
    assert [signer.public_key for signer in KeyFiles([tmp_path]).signers([key])] == [key]
    assert KeyFiles([tmp_path]).files([key]) == [tmp_path / "zzz.pem"]
