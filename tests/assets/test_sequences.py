"""A detector of sequences in the asset graph: from events in their order to what verdicts teach."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from installation import DAYS, Installation

from whetstone.lake import Place
from whetstone.releases import unpack
from whetstone.scoring.run import BundleScorer

CATALOG = Path(__file__).resolve().parent.parent.parent / "catalog"
NAME = "hdfs_block_sequence"


@pytest.fixture
def serviced(installation: Installation) -> Installation:
    """An installation that has got the detector, settled."""
    file = f"detectors/{NAME}.textproto"
    shutil.copyfile(CATALOG / file, installation.settings.catalog / file)
    named = 'detectors: "hdfs_block_pca"\n'
    environment = "environments/berlin.textproto"
    installation.edit(environment, named, f'{named}detectors: "{NAME}"\n')
    installation.settle()
    return installation


def trained_from(installation: Installation) -> str | None:
    """The version of the model that the newest model goes on from."""
    place = installation.lake.directory(Place("model", NAME))
    return unpack((place / "bundle.tar").read_bytes()).manifest["warm_start"]


def test_blocks_are_scored_explained_and_learned_from_in_their_order(
    serviced: Installation,
) -> None:
    first = serviced.releases.champion(NAME)
    assert first is not None
    assert trained_from(serviced) is None
    day = pq.read_table(serviced.lake.part(Place("scores", NAME, DAYS[0])))
    again = BundleScorer(serviced.releases.load(NAME)).score_features(day)
    assert again.tolist() == day["score"].to_pylist()

    alerts = serviced.alerts(NAME)
    events = dict(zip(day["unit"].to_pylist(), day["events"].to_pylist(), strict=True))
    explained = [alert for alert in alerts if alert.unit in events]
    assert explained
    for alert in explained:
        for part in alert.explanation:
            assert events[alert.unit][part["position"]] == part["value"]

    serviced.judge({alert.alert_id: "true_positive" for alert in alerts[:3]})
    assert f"model/{NAME}" in serviced.settle()
    assert trained_from(serviced) == first
    assert not list(serviced.settings.training.iterdir())
