"""Models whose scores a test shifts at will, their bounds, and units as they score."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
from google.protobuf import text_format
from numpy.typing import NDArray
from onnx import helper

from detectors.evaluation.bounds import bounds
from detectors.evaluation.calibration import calibrate
from detectors.evaluation.metrics import choose_threshold
from detectors.graphs import assemble
from whetstone.catalog.catalog_pb2 import Definitions
from whetstone.releases import Bundle, stamp
from whetstone.releases.bounds import BOUNDS, Bounds
from whetstone.scoring.encoding.rows import Rows
from whetstone.scoring.onnx import GraphInput
from whetstone.scoring.run import BundleScorer
from whetstone.streaming.flow import Scored

ENVIRONMENT = "berlin"
DETECTOR = "guessing"
START = datetime(2026, 11, 21)  # noqa: DTZ001 - as units have it: naive, UTC
_DEFINITIONS = """
sources {{
  name: "sshd" format: LINE pattern: "(?P<time>\\\\S+) (?P<ip>\\\\S+)"
  fields {{ name: "event_time" data_type: "TIMESTAMP" index: "time" definition: "$1::TIMESTAMP" }}
  fields {{ name: "src_ip" data_type: "VARCHAR" index: "ip" definition: "$1" }}
  event_time: "event_time"
}}
feature_views {{
  name: "view" source: "sshd" window {{ entity: "src_ip" every: "5m" }}
  features {{ name: "load" data_type: "DOUBLE" definition: "count(*)" }}
}}
golden_datasets {{ name: "golden" feature_view: "view" technique: "T1110" }}
detectors {{ name: "{name}" golden_dataset: "golden" features: "load" }}
"""


def benign(n: int, seed: int) -> NDArray[np.float64]:
    """Loads of n benign units."""
    return np.random.default_rng(seed).normal(size=n)


def bounds_of(scores: NDArray[np.float64], threshold: float) -> Bounds:
    """Bounds of a model that gave these to benign units, and to attacks 5 more."""
    test = np.concatenate([scores, scores[: len(scores) // 5] + 5.0])
    return bounds(scores, test, threshold, calibrate(scores))


def bundle(
    gain: float = 1.0,
    detector: str = DETECTOR,
    threshold: float | None = None,
    bounded: bool = True,
    graph: bytes | None = None,
) -> Bundle:
    """A model that scores `gain` times the load, judged on 2,000 units of which 1 % are alerts.

    `threshold` in service may be another than the one it was judged with.
    """
    scores = gain * benign(2_000, seed=1)
    chosen = choose_threshold(scores, 0.01)
    manifest = {"detector": detector, "gain": gain}
    if bounded:
        manifest[BOUNDS] = bounds_of(scores, chosen).to_dict()
    return stamp(
        Bundle(
            graph=graph or _graph(gain),
            threshold=chosen if threshold is None else threshold,
            definitions=text_format.Parse(_DEFINITIONS.format(name=detector), Definitions()),
            feature_names=("load",),
            manifest=manifest,
            model_card=f"# {detector}\n",
        )
    )


def scorer(gain: float = 1.0, **rest: object) -> BundleScorer:
    """As `bundle`, ready to score."""
    return BundleScorer(bundle(gain, **rest))  # pyright: ignore[reportArgumentType]


def scored(
    model: BundleScorer,
    loads: Sequence[float] | NDArray[np.float64],
    entity: str | None = None,
    days: float = 0.0,
) -> Scored:
    """Complete units with these loads, as the model scores them, so many days after the start.

    Each is of an entity of its own, unless one is named.
    """
    n = len(loads)
    at = START + timedelta(days=days)
    addresses = [entity or f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}" for i in range(n)]
    units = pa.table(
        {
            "environment": pa.array([ENVIRONMENT] * n, pa.string()),
            "src_ip": pa.array(addresses, pa.string()),
            "unit": pa.array([f"u{i}" for i in range(n)], pa.string()),
            "unit_start": pa.array([at] * n, pa.timestamp("us")),
            "event_timestamp": pa.array([at] * n, pa.timestamp("us")),
            "load": pa.array(np.asarray(loads, dtype=np.float64)),
        }
    )
    watermark = int(at.timestamp() * 1e6)
    return Scored(model, model.score_units(units), True, False, 0.0, lambda _: [], watermark)


def silently(of: Scored) -> Scored:
    """The same units of a model that scores on beside its successor."""
    return replace(of, silent=True)


def unfinished(of: Scored) -> Scored:
    """The same units while they grow."""
    return replace(of, final=False)


def _graph(gain: float) -> bytes:
    nodes = [
        helper.make_node("Gather", ["features", "first"], ["load"], axis=1),
        helper.make_node("Mul", ["load", "gain"], ["score"]),
    ]
    constants = {"first": np.array(0), "gain": np.array(gain, dtype=np.float32)}
    return assemble(
        "gain", [GraphInput(Rows(("load",), {}))], nodes, constants, baselines={"load": 0.0}
    )
