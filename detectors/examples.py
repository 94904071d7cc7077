"""The training set of a detector in the lake, test examples included: read through the vault."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from whetstone.catalog.catalog_pb2 import Detector
from whetstone.lake import Lake, Place
from whetstone.vault import TEST, Purpose, open_test


def training_set(
    lake: Lake, detector: Detector, who: str, why: str, purpose: Purpose, details: Mapping[str, Any]
) -> pa.Table:
    """All examples with the detector's features; that the test is opened is written down before.

    Args:
        lake: where they lie.
        detector: whose.
        who: the asset that looks.
        why: the reason, in a few words.
        purpose: see `open_test`.
        details: what else is to be known later.

    Raises:
        NotReadyError: they have not been made.
        StorageError: the opening cannot be written down.
    """
    place = Place("training_set", detector.name)
    about = {"detector": detector.name, **details}
    held_out = open_test(
        lake, detector.golden_dataset, who, why, purpose=purpose, place=place, details=about
    )
    rest = pq.read_table(lake.part(place), filters=pc.field("split") != TEST)
    return pa.concat_tables([rest, held_out.cast(rest.schema)])
