"""Score events with a bundle: its definitions, its graph, its operating point, nothing else.

The day's batch, the evaluation of a champion and an environment's scorer all come through here,
so that a score is the same number everywhere.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from whetstone.catalog.expressions import ExpressionError, parse_expression
from whetstone.catalog.slow import Slow, slow_of
from whetstone.catalog.templated import reads_templates
from whetstone.catalog.validation import entity_columns
from whetstone.errors import ReleaseError
from whetstone.features import features_sql
from whetstone.parsing.templates import Templating, with_templates
from whetstone.releases import Bundle
from whetstone.scoring.calibration import CALIBRATION, Calibration
from whetstone.scoring.encoding.texts import Texts
from whetstone.scoring.explain import Contribution, explain
from whetstone.scoring.onnx import OnnxScorer
from whetstone.scoring.passages import with_passages
from whetstone.scoring.slow import Nothing, OnlineExport, SlowFeatures


class BundleScorer:
    """A bundle made ready to score.

    Args:
        bundle: its signatures verified by whoever loaded it.

    Raises:
        ReleaseError: a definition in it is not an allowed expression; signed or not, it is not run.
    """

    def __init__(self, bundle: Bundle):
        self.bundle = bundle
        self.source = bundle.definitions.sources[0]
        self.view = bundle.definitions.feature_views[0]
        self.dataset = bundle.definitions.golden_datasets[0]
        self.detector = bundle.definitions.detectors[0]
        _check_definitions(bundle)
        self.templating = _templating(bundle)
        self.slow = _slow(bundle)
        self._online = Nothing() if bundle.online is None else OnlineExport(bundle.online)
        self._scorer = OnnxScorer(bundle.graph)

    @property
    def version(self) -> str:
        """The model's version."""
        return self.bundle.manifest["version"]

    @property
    def calibration(self) -> Calibration | None:
        """How many benign units reach a score; None in bundles that were made without one."""
        values = self.bundle.manifest.get(CALIBRATION)
        return None if values is None else Calibration.from_dict(values)

    def score_features(self, features: pa.Table) -> NDArray[np.float64]:
        """Scores of rows that have the bundle's features as columns."""
        return self._scorer.score(features)

    def with_slow(self, units: pa.Table, lookup: SlowFeatures | None = None) -> pa.Table:
        """Units with the detector's slow features as further columns; most detectors have none.

        Args:
            units: `environment`, the entity columns and `unit_start`.
            lookup: where they are looked up; None: in the export that came with the bundle.
        """
        for slow in self.slow:
            joined = (lookup or self._online).join(slow, units)
            for name in slow.names:
                units = units.append_column(name, joined[name])
        return units

    def score_events(
        self,
        connection: duckdb.DuckDBPyConnection,
        relation: str,
        slow: SlowFeatures | None = None,
    ) -> pa.Table:
        """Compute the units of a relation of events and score them.

        Args:
            connection: an engine that may read the relation.
            relation: events of the bundle's source.
            slow: as `lookup` of `with_slow`.

        Returns:
            A row a unit, ordered: `environment`, entity columns, `unit`, `unit_start`,
            `event_timestamp`, `score`, `threshold`, `is_alert`, `model_version`, features.
        """
        names = list(self.bundle.feature_names)
        if self.templating is not None:
            relation = with_templates(connection, relation, self.templating).relation
        sql = features_sql(self.view, relation, names)
        units = connection.sql(
            f"SELECT * EXCLUDE (unit_hash) FROM ({sql}) ORDER BY environment, unit, event_timestamp"
        ).to_arrow_table()
        return self.score_units(self.with_slow(units, slow))

    def score_units(self, units: pa.Table) -> pa.Table:
        """Units with their features, scored; a row a unit as `score_events` gives them."""
        names = self.bundle.feature_names
        scores = self.score_features(units)
        rows = units.num_rows
        scored = {
            "score": pa.array(scores),
            "threshold": pa.repeat(self.bundle.threshold, rows),
            "is_alert": pa.array(scores >= self.bundle.threshold),
            "model_version": pa.repeat(self.version, rows),
        }
        keys = ["environment", *entity_columns(self.view), "unit", "unit_start", "event_timestamp"]
        return pa.table(
            {
                **{name: units[name] for name in keys},
                **scored,
                **{name: units[name] for name in names},
            }
        )

    def explain(self, rows: pa.Table, top: int = 5) -> list[list[Contribution]]:
        """What weighs most in the score of each row, the weightiest first."""
        encodings = [given.encoding for given in self._scorer.inputs]
        texts = {name for e in encodings if isinstance(e, Texts) for name in e.columns}
        return [with_passages(each, texts)[:top] for each in explain(self._scorer, rows)]


def _check_definitions(bundle: Bundle) -> None:
    definitions = bundle.definitions
    texts = [
        *(field.definition for source in definitions.sources for field in source.fields),
        *(s.accept.definition for s in definitions.sources if s.HasField("accept")),
        *(feature.definition for view in definitions.feature_views for feature in view.features),
    ]
    for text in texts:
        try:
            parse_expression(text)
        except ExpressionError as error:
            raise ReleaseError(
                f"the bundle of {definitions.detectors[0].name} is refused: {text!r}: {error};"
                " roll the release back and find out who signed it"
            ) from error


def _templating(bundle: Bundle) -> Templating | None:
    """How events get templates; None where no feature of the bundle reads them."""
    definitions = bundle.definitions
    source, view = definitions.sources[0], definitions.feature_views[0]
    if not reads_templates(source, view, bundle.feature_names):
        return None
    if bundle.templates is None:
        raise ReleaseError(
            f"the bundle of {definitions.detectors[0].name} is refused: its features read templates"
            " and it has no dictionary; publish it anew from its model"
        )
    return Templating(source.message, bundle.templates)


def _slow(bundle: Bundle) -> tuple[Slow, ...]:
    """The slow features of a bundle, whose export, where it has one, holds them all."""
    definitions = bundle.definitions
    detector = definitions.detectors[0]
    try:
        slow = slow_of(detector, definitions.sources[0], definitions.feature_views)
    except KeyError as error:
        raise ReleaseError(
            f"the bundle of {detector.name} is refused: it does not define {error}, of which it has"
            " slow features; publish it anew from its model"
        ) from error
    needed = {name for each in slow for name in each.names}
    if bundle.online is not None and (missing := needed - bundle.online.names):
        raise ReleaseError(
            f"the bundle of {detector.name} is refused: online.arrow has no {min(missing)};"
            " publish it anew from its model"
        )
    return slow


def alerts_of(scored: pa.Table) -> pa.Table:
    """The rows of a scored table that are alerts."""
    return scored.filter(scored["is_alert"])


def nearest_below(scored: pa.Table, most: int) -> pa.Table:
    """The rows of a scored table that came nearest to being alerts, the highest score first."""
    below = scored.filter(~pc.field("is_alert"))
    order = [("score", "descending"), ("environment", "ascending"), ("unit", "ascending")]
    return below.sort_by([*order, ("event_timestamp", "ascending")]).slice(0, most)
