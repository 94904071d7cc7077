"""Bundles for the stream benchmark: shipped definitions, trained on generated lines."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.stream_events import seconds_of_traffic
from detectors import family_of
from detectors.evaluation.calibration import calibrate
from detectors.interface import Examples, Training
from whetstone.catalog import load_catalog
from whetstone.catalog.catalog_pb2 import Definitions, Detector
from whetstone.engine import open_engine
from whetstone.features import features_sql
from whetstone.parsing import RawFile, parse_files
from whetstone.releases import Bundle, pack, stamp
from whetstone.scoring.calibration import CALIBRATION
from whetstone.settings import settings

SHIPPED = {
    "suricata_flow": ("network_scan_iforest", "network_scan_window"),
    "hdfs": ("hdfs_block_pca", "hdfs_block_sequence"),
}
_TRAINED_ON = 40_000  # events
_SHARE_OF_ALERTS = 0.0001


def write_bundles(directory: Path, source: str, count: int) -> list[Path]:
    """Packed bundles of `count` detectors of a source.

    From the third on they are the same detectors under other names and with other seeds, as an
    environment has several models of one view.
    """
    catalog = load_catalog(settings().catalog)
    raw = directory / "training.log"
    raw.write_bytes(b"".join(seconds_of_traffic(source, _TRAINED_ON, 1_000)))
    names = SHIPPED[source]
    units = _units(raw, [catalog.detectors[name] for name in names])
    files: list[Path] = []
    for number in range(count):
        shipped = names[number % len(names)]
        detector = Detector()
        detector.CopyFrom(catalog.detectors[shipped])
        definitions = catalog.needed_by(detector)
        detector.name = shipped if number < len(names) else f"{shipped}_{number}"
        definitions.detectors[0].CopyFrom(detector)
        file = directory / f"{detector.name}.tar"
        file.write_bytes(pack(_bundle(detector, definitions, units[shipped], number)))
        files.append(file)
    return files


def _units(raw: Path, detectors: Sequence[Detector]) -> dict[str, pa.Table]:
    catalog = load_catalog(settings().catalog)
    found: dict[str, pa.Table] = {}
    with open_engine() as connection:
        for detector in detectors:
            dataset = catalog.golden_datasets[detector.golden_dataset]
            source, view = catalog.source_of(dataset), catalog.view_of(dataset)
            file = RawFile(raw, "bench", f"bench/{source.name}/2026-03-01/{raw.name}")
            parse_files(connection, source, [file], "2026-03-01", settings().max_line_bytes)
            sql = features_sql(view, "events", list(detector.features))
            found[detector.name] = connection.sql(f"{sql} ORDER BY ALL").to_arrow_table()
    return found


def _bundle(detector: Detector, definitions: Definitions, units: pa.Table, seed: int) -> Bundle:
    learned = units.select(list(detector.features))
    positive = np.array([unit.startswith("203.0.113.") for unit in units["unit"].to_pylist()])
    labels = np.where(positive, "attack", "benign")
    model = family_of(detector).fit(Examples(learned, positive, labels), Training(seed))
    scores = model.score(learned)
    return stamp(
        Bundle(
            graph=model.export(),
            threshold=float(np.quantile(scores, 1 - _SHARE_OF_ALERTS)),
            definitions=definitions,
            feature_names=tuple(detector.features),
            manifest={
                "detector": detector.name,
                "family": detector.WhichOneof("family"),
                CALIBRATION: calibrate(scores[~positive]).to_dict(),
            },
            model_card=f"# {detector.name}\n",
        )
    )
