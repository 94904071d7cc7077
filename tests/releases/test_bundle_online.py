"""The optional member `online.arrow` of a bundle."""

import hashlib
import json
from dataclasses import replace

import pyarrow as pa
import pytest
from builders import as_json, example, members_of

from whetstone.catalog.catalog_pb2 import Definitions, SlowFeatures
from whetstone.errors import ReleaseError
from whetstone.releases import Bundle, archive, pack, stamp, unpack
from whetstone.releases.online import Online, key_of, write_online
from whetstone.scoring.run import BundleScorer


def online(name: str = "sshd_1d__failures", value: int = 7) -> Online:
    table = {
        "key": pa.array([key_of("sshd_1d__0", ["oslo", "192.0.2.1"])], pa.binary(16)),
        "event_timestamp": pa.array([0], pa.timestamp("us")),
        name: pa.array([value], pa.int64()),
    }
    return Online(write_online(pa.table(table)))


def with_online(**changes: object) -> Bundle:
    return stamp(replace(example(), online=online(**changes)))


def test_a_bundle_with_an_export_comes_back_as_it_was():
    bundle = with_online()
    assert unpack(pack(bundle)) == bundle
    assert pack(unpack(pack(bundle))) == pack(bundle)


def test_an_export_changes_the_version_and_no_export_changes_nothing():
    versions = {b.manifest["version"] for b in (example(), with_online(), with_online(value=8))}
    assert len(versions) == 3
    assert "online.arrow" not in members_of(example())


def test_what_is_no_export_is_refused_even_under_a_version_that_fits_it():
    members = {**members_of(with_online()), "online.arrow": b"no Arrow"}
    manifest = json.loads(members["manifest.json"])
    with pytest.raises(ReleaseError, match=r"manifest\.json"):
        unpack(archive.write(members))
    del manifest["version"]
    bare = archive.write({**members, "manifest.json": as_json(manifest)})
    manifest["version"] = hashlib.sha256(bare).hexdigest()[:12]
    with pytest.raises(ReleaseError, match=r"online\.arrow"):
        unpack(archive.write({**members, "manifest.json": as_json(manifest)}))


def test_a_changed_export_is_refused():
    data = pack(with_online())
    at = data.index(online().content) + len(online().content) // 2
    with pytest.raises(ReleaseError):
        unpack(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


def test_a_scorer_refuses_a_bundle_whose_slow_features_are_not_all_there():
    definitions = Definitions()
    definitions.CopyFrom(example().definitions)
    slow = SlowFeatures(view="sshd_1d", features=["failures"], max_age="7d")
    definitions.detectors[0].slow.append(slow)
    with pytest.raises(ReleaseError, match="does not define 'sshd_1d'"):
        BundleScorer(replace(example(), definitions=definitions))
    definitions.feature_views.add(name="sshd_1d", source="sshd").window.every = "1d"
    feature = definitions.feature_views[1].features.add(name="failures", data_type="BIGINT")
    feature.definition = "count(*)"
    with pytest.raises(ReleaseError, match="has no sshd_1d__failures"):
        BundleScorer(replace(with_online(name="other"), definitions=definitions))
