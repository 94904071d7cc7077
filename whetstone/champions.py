"""The champion in the lake: which release is in service and what it was trained on."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from whetstone.errors import NotReadyError
from whetstone.lake import Lake, Manifest, Place
from whetstone.releases import Bundle
from whetstone.scoring.run import BundleScorer

_REFERENCE_ROWS = 50_000


def record_champion(
    lake: Lake, bundle: Bundle, training_set: pa.Table, manifest: Manifest
) -> Manifest:
    """Record a release as the one in service, with its reference: benign training rows, scored.

    Drift is measured against that reference.
    """
    negative = pc.call_function("invert", [training_set["positive"]])
    train = pc.call_function("equal", [training_set["split"], pa.scalar("train")])
    benign = training_set.filter(pc.call_function("and", [train, negative]))
    benign = benign.slice(0, _REFERENCE_ROWS)
    scorer = BundleScorer(bundle)
    reference = benign.append_column("score", pa.array(scorer.score_features(benign)))
    place = Place("release", scorer.detector.name)
    with lake.stage(place) as staged:
        for name in ("part.parquet", _reference(scorer.version)):
            pq.write_table(reference, staged.path(name))
        return staged.commit(replace(manifest, version=scorer.version, rows=reference.num_rows))


def restore_champion(lake: Lake, detector: str, version: str) -> Manifest:
    """Record that an earlier release is in service again.

    Raises:
        NotReadyError: that release was never recorded here.
    """
    place = Place("release", detector)
    now = lake.manifest(place)
    kept = lake.directory(place) / _reference(version)
    if now is None or not kept.exists():
        raise NotReadyError(f"release {version} of {detector} was never in service here")
    with lake.stage(place) as staged:
        reference = pq.read_table(kept)
        pq.write_table(reference, staged.path("part.parquet"))
        return staged.commit(replace(now, version=version, rows=reference.num_rows))


def follow_champion(lake: Lake, bundle: Bundle) -> bool:
    """Record a release that a person put into service; whether the platform scores with it now.

    It does not where nothing of the detector lies in the lake: its releases come from elsewhere.
    """
    detector, version = bundle.manifest["detector"], bundle.manifest["version"]
    place = Place("release", detector)
    now = lake.manifest(place)
    if now is not None and now.version == version:
        return True
    if now is not None and (lake.directory(place) / _reference(version)).exists():
        restore_champion(lake, detector, version)
        return True
    if lake.manifest(Place("training_set", detector)) is None:
        return False
    training_set = pq.read_table(lake.part(Place("training_set", detector)))
    record_champion(lake, bundle, training_set, now or Manifest("", {}, version, 0))
    return True


def _reference(version: str) -> str:
    return f"reference-{version}.parquet"
