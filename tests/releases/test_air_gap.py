"""Releases as a file: what was exported arrives whole, verified, or not at all."""

import shutil
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.releases.builders import example, killed_at, new_repository, publish
from whetstone.catalog.catalog_pb2 import Environment
from whetstone.errors import NotReadyError, ReleaseError
from whetstone.releases import Client, Repository, archive, pack
from whetstone.releases.ceremony import Ceremony
from whetstone.releases.export import export, limit_of
from whetstone.releases.mirror import Imported, import_releases

DETECTOR = "ssh_bruteforce"


class Gap:
    """A platform, a disk that is carried, and a site on the other side with a mirror."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.repository = new_repository(directory / "releases")
        self.repository.publish_environments([Environment(name="berlin", channel="canary")])
        self.first = publish(self.repository, example(seed=1))
        self.root = self.repository.root()
        self.disk = directory / "disk.tar"
        self.mirror = directory / "mirror"

    def carry(self, *channels: str, valid: timedelta | None = None) -> Imported:
        export(self.repository, self.disk, channels or ("stable",), valid)
        return import_releases(self.disk, self.mirror, self.root)

    def client(self, cache: str = "cache") -> Client:
        return Client((self.mirror / "public").as_uri(), self.directory / cache, self.root)

    def pull(self) -> str:
        return self.client().pull("stable")[0].version

    def refuses(self, reason: str) -> None:
        """The archive is refused, and the mirror is as it was."""
        before = files_of(self.mirror / "public")
        with pytest.raises(ReleaseError, match=reason):
            import_releases(self.disk, self.mirror, self.root)
        assert files_of(self.mirror / "public") == before

    def rewrite(self, change: Callable[[dict[str, bytes]], object]) -> None:
        """Changes the archive's members, which needs no key."""
        with self.disk.open("rb") as file:
            members = {name: span.read(file) for name, span in archive.scan(file, limit_of).items()}
        change(members)
        with self.disk.open("wb") as file:
            for name, content in members.items():
                archive.append(file, name, content)
            archive.finish(file)


def files_of(directory: Path) -> dict[str, bytes]:
    paths = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


@pytest.fixture
def gap(tmp_path: Path) -> Gap:
    return Gap(tmp_path)


class TestRoundTrip:
    def test_into_an_empty_mirror_and_on_to_an_environment(self, gap: Gap):
        made = gap.carry()
        assert made.changed
        assert made.bundles == 1
        assert gap.pull() == gap.first
        assert gap.client().load(DETECTOR) == example(seed=1)

    def test_into_an_older_mirror_which_knows_its_root(self, gap: Gap):
        gap.carry()
        gap.pull()
        second = publish(gap.repository, example(seed=2))
        export(gap.repository, gap.disk)
        assert import_releases(gap.disk, gap.mirror).bundles == 1
        assert gap.pull() == second

    def test_importing_the_same_again_changes_nothing(self, gap: Gap):
        gap.carry()
        before = files_of(gap.mirror / "public")
        assert not gap.carry().changed
        assert files_of(gap.mirror / "public") == before

    def test_it_holds_what_environments_may_want_and_no_more(self, gap: Gap):
        for seed in (2, 3, 4):
            publish(gap.repository, example(seed=seed))
        publish(gap.repository, example("other"))
        last = example(seed=5)
        gap.repository.publish(pack(last), DETECTOR, last.manifest["version"], rollout=10)
        shadow = example(seed=6)
        gap.repository.publish_challenger(pack(shadow), DETECTOR, shadow.manifest["version"])
        assert gap.carry().bundles == 5  # 5 at 10 %, 4, 3 to go back to, the challenger, the other
        gap.client().pull("stable")

    def test_canary_takes_stable_and_the_environments_along(self, gap: Gap):
        publish(gap.repository, example("other", seed=2), "canary")
        assert gap.carry("canary").bundles == 2
        assert {each.detector for each in gap.client().pull("canary")} == {"other"}
        assert gap.pull() == gap.first
        assert any("environments/" in name for name in files_of(gap.mirror / "public"))

    def test_every_tar_program_reads_it(self, gap: Gap):
        gap.carry()
        with tarfile.open(gap.disk) as opened:
            names = opened.getnames()
        assert "metadata/timestamp.json" in names
        assert all(name.split("/")[0] in ("metadata", "targets") for name in names)

    def test_clients_that_know_an_old_root_follow_the_mirror_too(self, gap: Gap):
        for role in ("timestamp", "root"):
            Ceremony(gap.repository).rotate([role])
        newest = gap.repository.root()
        export(gap.repository, gap.disk)
        import_releases(gap.disk, gap.mirror, newest)
        assert gap.pull() == gap.first  # with the first root

    def test_root_changes_behind_the_gap(self, gap: Gap):
        gap.carry()
        Ceremony(gap.repository).rotate(["root", "targets", "snapshot", "timestamp"])
        gap.carry()
        assert gap.pull() == gap.first

    def test_a_longer_term_for_a_slow_courier(self, gap: Gap):
        now = datetime.now(UTC)
        made = gap.carry(valid=timedelta(days=60))
        assert datetime.fromisoformat(made.expires) - now > timedelta(days=59)
        assert gap.pull() == gap.first
        # What the platform serves itself keeps its week, and the next export is the newer one.
        assert gap.repository.store.metadata.read().timestamp.expires - now < timedelta(days=8)
        second = publish(gap.repository, example(seed=2))
        gap.carry(valid=timedelta(days=30))
        assert gap.pull() == second

    def test_a_term_beyond_that_of_other_roles_is_refused(self, gap: Gap):
        with pytest.raises(ReleaseError, match="targets ends on"):
            export(gap.repository, gap.disk, valid=timedelta(days=400))
        assert not gap.disk.exists()

    def test_nothing_to_export(self, gap: Gap):
        with pytest.raises(NotReadyError, match="nothing was published in channel nightly"):
            export(gap.repository, gap.disk, ["nightly"])


class TestAttacks:
    """What could happen to the disk on its way."""

    def test_a_rollback(self, gap: Gap):
        export(gap.repository, gap.disk)
        shutil.copy(gap.disk, gap.directory / "old.tar")
        publish(gap.repository, example(seed=2))
        gap.carry()
        shutil.move(gap.directory / "old.tar", gap.disk)
        gap.refuses("rollback check failed")

    def test_a_freeze(self, gap: Gap):
        week = timedelta(days=7, minutes=1)
        past = Repository(gap.directory / "releases", clock=lambda: datetime.now(UTC) - week)
        publish(past, example(seed=2))
        export(past, gap.disk)
        gap.refuses("freshness check failed")

    def test_another_platforms_archive(self, gap: Gap):
        other = new_repository(gap.directory / "other")
        for seed in (7, 8, 9):
            publish(other, example(seed=seed))
        export(other, gap.disk)
        gap.refuses(r"signature check failed \(wrong key\)")
        gap.carry()
        export(other, gap.disk)
        gap.refuses(r"check failed")

    def test_a_bundle_of_another_version(self, gap: Gap):
        gap.carry()
        publish(gap.repository, example(seed=2))
        export(gap.repository, gap.disk)
        packed = [pack(example(seed=seed)) for seed in (1, 2)]

        def exchange(members: dict[str, bytes]) -> None:
            first, second = (name for name, content in members.items() if content in packed)
            members[first], members[second] = members[second], members[first]

        gap.rewrite(exchange)
        gap.refuses("content check failed")

    def test_a_bundle_that_nobody_signed(self, gap: Gap):
        export(gap.repository, gap.disk)
        gap.rewrite(lambda members: members.update({f"targets/{'0' * 64}": b"evil"}))
        gap.refuses("which nobody signed")

    def test_a_bundle_left_out(self, gap: Gap):
        export(gap.repository, gap.disk)
        packed = pack(example(seed=1))
        gap.rewrite(lambda m: m.pop(next(name for name in m if m[name] == packed)))
        gap.refuses("is missing, which its channel names")

    def test_a_channel_left_out(self, gap: Gap):
        publish(gap.repository, example(seed=2), "canary")
        gap.carry("canary")
        publish(gap.repository, example(seed=3))
        export(gap.repository, gap.disk, ["stable"])
        gap.refuses("serves channel canary as well")

    def test_metadata_left_out(self, gap: Gap):
        export(gap.repository, gap.disk)
        gap.rewrite(lambda members: members.pop("metadata/timestamp.json"))
        gap.refuses("the archive has no metadata/timestamp.json")

    def test_metadata_of_two_states(self, gap: Gap):
        export(gap.repository, gap.disk)
        old = gap.disk.read_bytes()
        publish(gap.repository, example(seed=2))
        export(gap.repository, gap.disk)
        with BytesIO(old) as file:
            spans = archive.scan(file, limit_of)
            snapshot = next(span for name, span in spans.items() if "snapshot" in name)
            content = snapshot.read(file)
        gap.rewrite(lambda m: m.update({next(name for name in m if "snapshot" in name): content}))
        gap.refuses("consistency check failed")

    @given(data=st.data())
    @settings(
        max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_any_changed_byte_or_cut(self, gap: Gap, data: st.DataObject):
        whole = gap.directory / "whole.tar"
        if not whole.exists():
            export(gap.repository, whole)
        content = bytearray(whole.read_bytes())
        place = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content[place] ^= data.draw(st.integers(1, 255))
        else:
            del content[place:]
        gap.disk.write_bytes(content)
        gap.refuses("refused|check failed|malformed|archive has no")

    @pytest.mark.parametrize("tail", [slice(0, -1), slice(0, -1024), None])
    def test_another_end(self, gap: Gap, tail: slice | None):
        export(gap.repository, gap.disk)
        content = gap.disk.read_bytes()
        gap.disk.write_bytes(content[tail] if tail else content + b"\0")
        gap.refuses("truncated, or something follows its end")

    @pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE])
    def test_members_that_are_no_plain_files(self, gap: Gap, kind: bytes):
        with tarfile.open(gap.disk, "w") as opened:
            member = tarfile.TarInfo("metadata/timestamp.json")
            member.type, member.linkname = kind, "/etc/passwd"
            opened.addfile(member)
        gap.refuses("archive refused")

    @pytest.mark.parametrize(
        "name", ["../../etc/passwd", "/etc/passwd", "metadata/../x", "metadata/1.mirrors.json", "x"]
    )
    def test_members_of_other_names(self, gap: Gap, name: str):
        export(gap.repository, gap.disk)
        gap.rewrite(lambda members: members.update({name: b""}))
        gap.refuses("is no part of it")

    def test_an_endless_member(self, gap: Gap):
        huge = archive.write({"metadata/timestamp.json": b""}).replace(
            b"00000000000\0", b"77777777777\0", 1
        )
        gap.disk.write_bytes(huge)
        gap.refuses("archive refused")

    def test_a_mirror_needs_a_root_by_another_way(self, gap: Gap):
        export(gap.repository, gap.disk)
        with pytest.raises(ReleaseError, match="no root to trust"):
            import_releases(gap.disk, gap.mirror)

    def test_a_platform_is_no_mirror(self, gap: Gap):
        export(gap.repository, gap.disk)
        with pytest.raises(ReleaseError, match="with keys, no mirror"):
            import_releases(gap.disk, gap.directory / "releases", gap.root)


def test_an_import_killed_at_any_step_leaves_a_mirror_that_clients_verify(gap: Gap):
    gap.carry()
    second = publish(gap.repository, example(seed=2))
    export(gap.repository, gap.disk)
    shutil.copytree(gap.mirror, gap.directory / "template")
    step, killed = 0, True
    while killed:
        step += 2
        shutil.rmtree(gap.mirror)
        shutil.copytree(gap.directory / "template", gap.mirror)
        killed = killed_at(step, lambda: import_releases(gap.disk, gap.mirror))
        assert gap.client(f"cache{step}").pull("stable")[0].version in (gap.first, second)
        import_releases(gap.disk, gap.mirror)
        assert gap.client(f"cache{step}").pull("stable")[0].version == second
        assert not list(gap.mirror.glob(".partial-*"))
    assert step > 12
