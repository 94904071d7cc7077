"""Prequential scores: every window of a log is scored by a model of what came before it.

    python -m benchmarks.prequential --data ../shared/data --json

LANL's authentications in windows of a thousand lines over day 0 and day 1 (no attack among them:
perplexity only), BlueGene/L's log by month, the first 35 minutes before all (alerts, which nobody
told the model of: it learns them like all else). Progress is on stderr, the last line on stdout is
a JSON object.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.datasets import Part, load
from benchmarks.quality_examples import prepare
from detectors import family_of
from detectors.evaluation.curves import Ranking, auc, average_precision
from detectors.interface import Examples, Training
from detectors.prequential import ScoredWindow, prequential, windows_of
from whetstone.catalog import Catalog, load_catalog
from whetstone.settings import settings

_LINES = 1000  # a window of LANL
_MEMORY = 2000  # lines of earlier windows that are learned again


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    catalog = load_catalog(settings().catalog)
    rows = {
        "lanl": list(_lanl(catalog, options.data)),
        "bgl": list(_bgl(catalog, options.data)),
    }
    print(json.dumps(rows, indent=None if options.json else 2))


def _lanl(catalog: Catalog, data: Path) -> Iterator[dict[str, Any]]:
    table = _in_order(catalog, "lanl", data)
    ordinary = table.filter(pa.array([label == "normal" for label in table["label"].to_pylist()]))
    for window in _scored(
        catalog, "lanl_language_model", ordinary, np.arange(len(ordinary)) // _LINES
    ):
        yield _said({"window": window.number, "perplexity": float(np.exp(window.scores.mean()))})


def _bgl(catalog: Catalog, data: Path) -> Iterator[dict[str, Any]]:
    table = _in_order(catalog, "bgl", data)
    month = table["event_timestamp"].to_numpy().astype("datetime64[M]").astype(np.int64)
    # The training part, the log's first 35 minutes, is a window of its own.
    month -= np.array([split != "test" for split in table["split"].to_pylist()])
    for window in _scored(catalog, "bgl_language_model", table, month):
        positive = window.examples.positive
        assert positive is not None
        counts = Ranking.of(window.scores, np.inf).count(positive)
        both = 0 < positive.sum() < len(positive)
        yield _said(
            {
                "window": window.number,
                "lines": len(positive),
                "alerts": int(positive.sum()),
                "auc": float(auc(*counts)) if both else None,
                "average_precision": float(average_precision(*counts)) if both else None,
            }
        )


def _in_order(catalog: Catalog, name: str, data: Path) -> pa.Table:
    """The dataset's examples, the earliest first."""
    dataset = load(name)
    with TemporaryDirectory() as into:
        parts: list[Part] = dataset.parts(data, Path(into))
        examples = prepare(catalog, dataset, parts).examples
    number = np.array(examples["unit"].to_pylist(), dtype=np.int64)
    order = np.lexsort((number, examples["event_timestamp"].to_numpy()))
    return examples.take(pa.array(order))


def _scored(
    catalog: Catalog, detector: str, table: pa.Table, window: NDArray[np.int64]
) -> Iterator[ScoredWindow]:
    """Nobody tells the model what is an attack; the labels only judge the scores."""
    definition = catalog.detectors[detector]
    units = table.select(list(definition.features))
    positive = table["positive"].to_numpy().astype(bool)
    unlabelled = windows_of(Examples(units, None), window)
    labelled = windows_of(Examples(units, positive), window)
    scored = prequential(family_of(definition), unlabelled, Training(1), _MEMORY)
    for one in scored:
        yield replace(one, examples=labelled[one.number])


def _said(row: dict[str, Any]) -> dict[str, Any]:
    print(f"{time.strftime('%X')} {row}", file=sys.stderr)
    return row


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory of the public data")
    parser.add_argument("--json", action="store_true", help="the result on one line")
    return parser


if __name__ == "__main__":
    main()
