"""Score the same held-out examples with the challenger and with the champion."""

# pyarrow builds most of its functions when it is imported, where pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from detectors.evaluation.comparison import PairedScores
from detectors.training import Split
from detectors.trust.origins import has_origins, since
from whetstone.catalog.catalog_pb2 import FeatureView
from whetstone.catalog.slow import feature_names
from whetstone.catalog.validation import entity_columns
from whetstone.engine import open_engine
from whetstone.lake import Lake
from whetstone.scoring.history import GoldenFiles, History, golden_windows
from whetstone.scoring.run import BundleScorer
from whetstone.sql import columns, literal

_KEYS = ["environment", "unit", "event_timestamp"]


@dataclass(frozen=True, eq=False)
class Pairs:
    """What both models say of held-out examples.

    Attributes:
        core: scores of the core test set.
        verdicts: scores of the examples from verdicts that are held out.
        rows: the core test set, a row an example of `core`.
        known: (n,) which of them the champion's training knew; None: it is not recorded.
    """

    core: PairedScores
    verdicts: PairedScores
    rows: pa.Table
    known: NDArray[np.bool_] | None


def paired(
    lake: Lake,
    views: Mapping[str, FeatureView],
    golden: GoldenFiles,
    training_set: pa.Table,
    challenger: BundleScorer,
    champion: BundleScorer,
    known: Collection[str] | None,
) -> Pairs | None:
    """Both models' scores, joined by unit; None where the models are about other units.

    The champion scores raw events by its own definitions, as it does in service.

    Args:
        lake: where the golden dataset lies.
        views: the catalog's, for the history of slow features.
        golden: the dataset, with its events.
        training_set: its examples, with the features of the challenger.
        challenger: the model that wants the place.
        champion: the model in service.
        known: `origin` of what the champion was trained on; None: it is not recorded.
    """
    if entity_columns(challenger.view) != entity_columns(champion.view):
        return None
    held_out = pc.is_in(training_set["split"], pa.array(["test", "verdicts"]))
    examples = training_set.filter(held_out)
    with open_engine(lake.root) as connection:
        scored = _scored(connection, lake, views, golden, champion)
        connection.register("champion", scored.select([*_KEYS, "score"]))
        connection.register("examples", examples)
        joined = connection.sql(
            f"""SELECT examples.*, champion.score AS champion_score
                FROM examples JOIN champion USING ({columns(_KEYS)}) ORDER BY {columns(_KEYS)}"""
        ).to_arrow_table()
    rows = joined.filter(pc.equal(joined["split"], "test"))
    told = known is not None and has_origins(rows)
    return Pairs(
        core=_pair(joined, "test", challenger),
        verdicts=_pair(joined, "verdicts", challenger),
        rows=rows,
        known=~since(rows, known) if told and known is not None else None,
    )


def _scored(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    views: Mapping[str, FeatureView],
    golden: GoldenFiles,
    champion: BundleScorer,
) -> pa.Table:
    windows = {
        slow.online: golden_windows(connection, lake, views, slow, golden) for slow in champion.slow
    }
    events = f"read_parquet({literal(str(golden.events))})"
    return champion.score_events(connection, events, History(connection, windows))


def _pair(joined: pa.Table, split: str, challenger: BundleScorer) -> PairedScores:
    rows = joined.filter(pc.equal(joined["split"], split))
    examples = Split.of(rows, split, feature_names(challenger.detector))
    return PairedScores(
        positive=examples.positive,
        challenger=challenger.score_features(rows),
        champion=rows["champion_score"].to_numpy(),
        groups=examples.groups,
        labels=examples.examples.labels,
    )
