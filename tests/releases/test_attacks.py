"""Every attack that the TUF specification names, on the real client over HTTP.

Each test shows two things: the client refuses, by the check that is meant for the attack, and keeps
what it had; and with that one check taken out of the client, the same attack succeeds. So no test
can pass by accident. Endless data and slow retrieval are in `test_attacks_on_the_line`.

https://theupdateframework.github.io/specification/latest/#goals-to-protect-against-specific-attacks
"""

# tuf documents these names, but does not mark them as exported.
# pyright: reportPrivateImportUsage=false

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tuf.api.metadata import MetaFile, Root, TargetFile, Targets, Timestamp
from tuf.ngclient import Updater
from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet

from tests.releases.adversary import DETECTOR, ENVIRONMENT, Platform
from tests.releases.attacked import NEW, OLD, Attacked, attacks, path_of, without
from tests.releases.builders import example
from whetstone.catalog.catalog_pb2 import PSEUDONYM
from whetstone.releases import pack
from whetstone.releases import verified as verified_module
from whetstone.releases.channel import environment_path, index_path
from whetstone.releases.release import target_path


@pytest.fixture
def attacked(tmp_path: Path) -> Iterator[Attacked]:
    with attacks(tmp_path) as begun:
        yield begun


def no_signatures() -> Any:
    return without(Root, "verify_delegate")


@contextmanager
def unverified_downloads() -> Iterator[None]:
    with (
        without(TargetFile, "verify_length_and_hashes"),
        without(Updater, "find_cached_target"),  # else all that is cached is up to date
    ):
        yield


def no_memory() -> Any:
    def forgotten(*_: object) -> bytes:
        raise FileNotFoundError

    return without(Updater, "_load_local_metadata", forgotten)


def test_an_honest_platform_delivers(attacked: Attacked):
    version = attacked.platform.publish(NEW)
    assert attacked.pull() == version
    assert attacked.client.load(DETECTOR) == NEW
    assert attacked.client.load(DETECTOR, "previous") == OLD


def test_an_arbitrary_installation_attack(attacked: Attacked):
    attacker = Platform()
    for seed in (5, 6):
        forged = attacker.publish(example(DETECTOR, seed))
    attacked.serve(attacker.files)
    attacked.refuses(r"signature check failed \(wrong key\)")
    with no_signatures():
        assert attacked.pull() == forged


def test_an_arbitrary_installation_attack_by_another_root(attacked: Attacked):
    attacker = Platform()
    attacker.publish(example(DETECTOR, 5))
    attacker.publish(example(DETECTOR, 6))
    attacker.next_root()
    attacked.serve(attacker.files)
    attacked.refuses(r"signature check failed \(wrong key\).*root")
    with no_signatures():
        attacked.pull()
    assert attacked.client.load(DETECTOR) == example(DETECTOR, 6)


def test_an_arbitrary_installation_attack_with_unsigned_metadata(attacked: Attacked):
    version = attacked.platform.publish(NEW)
    attacked.platform.timestamp.version += 1
    attacked.platform.sign(attacked.platform.timestamp, by=0)
    attacked.refuses("signature check failed.*timestamp was signed by 0/1 keys")
    with no_signatures():
        assert attacked.pull() == version


def test_a_key_compromise_below_the_threshold(attacked: Attacked):
    platform = attacked.platform
    platform.require_two(Targets.type)
    platform.commit()
    attacked.pull()
    stolen = platform.keys[Targets.type].pop()
    version = platform.publish(NEW)
    attacked.refuses("signature check failed.*targets was signed by 1/2 keys")
    with no_signatures():
        assert attacked.pull() == version
    platform.keys[Targets.type].append(stolen)
    assert attacked.platform.publish(example(DETECTOR, 3)) == attacked.pull()


def test_a_revoked_key_signs_no_more(attacked: Attacked):
    platform = attacked.platform
    stolen = platform.keys[Timestamp.type]
    platform.rotate(Timestamp.type)
    version = platform.publish(NEW)
    platform.keys[Timestamp.type] = stolen
    platform.commit_timestamp()
    attacked.refuses("signature check failed.*timestamp was signed by 0/1 keys")
    with no_signatures():
        assert attacked.pull() == version


def test_a_rollback_attack(attacked: Attacked):
    yesterday = copy.copy(attacked.platform.files)
    attacked.platform.publish(NEW)
    attacked.pull()
    attacked.serve(yesterday)
    attacked.refuses("rollback check failed.*timestamp version 1", serving=NEW)
    with no_memory():
        assert attacked.pull() == OLD.manifest["version"]


def test_a_rollback_attack_on_targets_by_who_holds_the_online_keys(attacked: Attacked):
    platform = attacked.platform
    old = platform.snapshot.meta["targets.json"]
    platform.publish(NEW)
    attacked.pull()
    platform.snapshot.meta["targets.json"] = old
    platform.commit_snapshot()
    attacked.refuses("rollback check failed.*targets.json", serving=NEW)
    with no_memory():
        assert attacked.pull() == OLD.manifest["version"]


def test_an_indefinite_freeze_attack(attacked: Attacked):
    frozen = copy.copy(attacked.platform.files)
    attacked.platform.publish(NEW)
    attacked.serve(frozen)
    assert attacked.pull() == OLD.manifest["version"]  # nobody can tell yet
    with eight_days_later():
        attacked.refuses("freshness check failed.*freeze.*timestamp.json is expired")
        with without(Timestamp, "is_expired", lambda *_: False):
            assert attacked.pull() == OLD.manifest["version"]


def test_a_freeze_attack_on_the_targets_by_who_holds_the_online_keys(attacked: Attacked):
    platform = attacked.platform
    platform.targets.version += 1
    signed = platform.sign(platform.targets, days=-1)
    meta = MetaFile.from_data(platform.targets.version, signed, ["sha256"])
    platform.snapshot.meta["targets.json"] = meta
    platform.commit_snapshot()
    attacked.refuses("freshness check failed.*targets is expired")
    with without(Targets, "is_expired", lambda *_: False):
        attacked.pull()


@contextmanager
def eight_days_later() -> Iterator[None]:
    trusted_set = TrustedMetadataSet.__init__

    def later(self: TrustedMetadataSet, *given: Any) -> None:
        trusted_set(self, *given)
        self.reference_time += timedelta(days=8)

    with without(TrustedMetadataSet, "__init__", later):
        yield


@pytest.mark.parametrize("role", ["targets", "snapshot"])
def test_a_mix_and_match_attack(attacked: Attacked, role: str):
    """Another file of the same version, properly signed, that nobody vouched for."""
    platform = attacked.platform
    platform.publish(NEW)
    vouched_for = copy.copy(platform.files)
    signed = platform.targets if role == "targets" else platform.snapshot
    path = f"metadata/{signed.version}.{role}.json"
    platform.sign(signed, days=6)
    assert platform.files[path] != vouched_for[path]
    attacked.refuses("consistency check failed.*mix-and-match")
    with without(MetaFile, "verify_length_and_hashes"):
        attacked.pull()


def test_a_mix_and_match_attack_with_bundles(attacked: Attacked):
    version = attacked.platform.publish(NEW)
    path = attacked.platform.add(target_path(DETECTOR, version), pack(NEW))
    attacked.platform.files[path] = pack(OLD)
    attacked.refuses("content check failed")
    with unverified_downloads():
        attacked.refuses("mix-and-match check failed.*holds another bundle")
        with without(verified_module, "check_identity"):
            assert attacked.pull() == version
    assert attacked.client.load(DETECTOR) == OLD


def test_a_wrong_software_installation_attack(attacked: Attacked):
    """Everything is signed, but the file is the bundle of another detector."""
    version = attacked.platform.publish(NEW)
    attacked.platform.add(target_path(DETECTOR, version), pack(example("another", 2)))
    attacked.platform.commit()
    attacked.refuses("mix-and-match check failed.*holds another bundle, another")
    with without(verified_module, "check_identity"):
        assert attacked.pull() == version


def test_an_extraneous_bundle_is_not_installed(attacked: Attacked):
    """What the environment's signed definition does not name stays where it is."""
    other = example("another", 2)
    attacked.platform.add(target_path("another", other.manifest["version"]), pack(other))
    attacked.platform.commit()
    attacked.pull()
    assert set(attacked.client.pull_environment(ENVIRONMENT).champions) == {DETECTOR}


def test_truncated_definitions_of_an_environment(attacked: Attacked):
    """Cut between two fields they still parse, and privacy would be gone."""
    platform = attacked.platform
    platform.publish(NEW)
    whole = platform.files[path_of(platform, environment_path(ENVIRONMENT))]
    site = attacked.client.pull_environment(ENVIRONMENT).environment
    assert site.privacy.users == PSEUDONYM
    platform.add(environment_path(ENVIRONMENT), whole + b"# more\n")
    platform.commit()
    cut = whole[: whole.index(b"privacy")]
    platform.files[path_of(platform, environment_path(ENVIRONMENT))] = cut
    attacked.refuses("content check failed.*truncated", serving=NEW)
    with unverified_downloads():
        site = attacked.client.pull_environment(ENVIRONMENT).environment
        assert not site.HasField("privacy")


@pytest.mark.parametrize("what", ["index", "bundle", "timestamp"])
def test_truncated_files(attacked: Attacked, what: str):
    platform = attacked.platform
    version = platform.publish(NEW)
    path = {
        "index": path_of(platform, index_path("stable")),
        "bundle": path_of(platform, target_path(DETECTOR, version)),
        "timestamp": "metadata/timestamp.json",
    }[what]
    whole = platform.files[path]
    platform.files[path] = whole[:-30]
    attacked.refuses("(content|form) check failed")
    platform.files[path] = whole
    assert attacked.pull() == version


def test_a_fast_forward_attack_and_the_recovery_from_it(attacked: Attacked):
    """Whoever held the online keys once made all later versions look old; new keys end that."""
    platform = attacked.platform
    honest = platform.timestamp.version, platform.snapshot.version
    platform.timestamp.version = platform.snapshot.version = 1 << 30
    platform.commit_snapshot()
    attacked.pull()
    platform.timestamp.version, platform.snapshot.version = honest
    platform.publish(NEW)
    attacked.refuses("rollback check failed")
    platform.rotate(Timestamp.type, "snapshot")
    platform.commit_snapshot()
    with no_signatures():  # what the old keys signed would go on counting
        attacked.refuses("rollback check failed")
    assert attacked.pull() == NEW.manifest["version"]


def test_root_keys_are_rotated_step_by_step(attacked: Attacked):
    """A new root counts if the old one signs it too; a client that slept follows the chain."""
    platform = attacked.platform
    for _ in range(3):
        before = platform.keys[Root.type][0]
        platform.rotate(Root.type)
        platform.keys[Root.type].append(before)
        platform.sign(platform.root)
        platform.keys[Root.type].pop()
    version = platform.publish(NEW)
    assert attacked.pull() == version
    platform.rotate(Root.type)  # signed by the new key alone
    attacked.refuses(r"signature check failed \(wrong key\).*root", serving=NEW)
    with no_signatures():
        assert attacked.pull() == version
