"""Releases that a person puts into service, on a platform that trains and scores."""

import json
from dataclasses import replace
from pathlib import Path

from command import Command

from tests.assets.installation import Installation
from whetstone.lake import Place
from whetstone.releases import pack, stamp

HDFS = "hdfs_block_pca"


def test_the_platform_scores_with_a_challenger_that_was_promoted(
    installation: Installation, whetstone: Command, tmp_path: Path
) -> None:
    champion = installation.releases.load(HDFS)
    before = champion.manifest["version"]
    challenger = stamp(replace(champion, threshold=champion.threshold * 2))
    version = challenger.manifest["version"]
    (tmp_path / "bundle.tar").write_bytes(pack(challenger))
    whetstone.good("releases", "publish", tmp_path / "bundle.tar", "--as", "challenger")
    whetstone.good("releases", "promote", HDFS)
    release = installation.lake.manifest(Place("release", HDFS))
    assert release is not None
    assert release.version == version
    planned = {asset for run in installation.plan().runs for asset in run.assets}
    assert f"scores/{HDFS}" in planned
    assert not any(asset.startswith(("model/", "release/")) for asset in planned)
    assert whetstone.good("releases", "rollback", HDFS)["champion"] == before
    release = installation.lake.manifest(Place("release", HDFS))
    assert release is not None
    assert release.version == before


def test_what_the_gate_holds_back_is_published_only_by_force(
    installation: Installation, whetstone: Command
) -> None:
    evaluation = installation.lake.directory(Place("evaluation", HDFS)) / "manifest.json"
    manifest = json.loads(evaluation.read_bytes())
    manifest["facts"] |= {"gate": "failed", "reasons": ["worse on the core test set"]}
    evaluation.write_text(json.dumps(manifest))
    said = whetstone.refused("releases", "publish", HDFS)
    assert "worse on the core test set" in said
    assert "--as challenger" in said


def test_environments_are_published_with_the_releases(installation: Installation) -> None:
    catalog = installation.open().catalog
    published = installation.releases.environments()
    assert published.keys() == catalog.environments.keys()
    assert published["berlin"].detectors == catalog.environments["berlin"].detectors
