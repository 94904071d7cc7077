"""Contribute public data with labels to the platform's golden datasets: `make golden DATA=…`.

    python -m benchmarks.golden --data ../shared/data --only nsl_kdd

Each part of each dataset in `benchmarks.datasets` becomes a contribution, checked and accepted as
`whetstone contribute` does; what was contributed before is recognised by its content. The data goes
below `$WHETSTONE_HOME`, never into the repository. Which units are held out is then the rule of the
golden dataset: the split that a publication made is one of `benchmarks.quality`, not of these.
"""

import argparse
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.datasets import DATASETS, Dataset, MissingDataError, Part, load
from whetstone import console
from whetstone.catalog import Catalog, load_catalog
from whetstone.contribution_preview import preview_contribution
from whetstone.contributions import contribute
from whetstone.errors import WhetstoneError
from whetstone.lake import Lake
from whetstone.settings import settings

CONTRIBUTOR = "public-data"


def main(arguments: list[str] | None = None) -> None:
    """Contribute, then say what came of it and what to run next."""
    options = _parser().parse_args(arguments)
    catalog = load_catalog(settings().catalog)
    into = settings().contributions
    rows = [contributed(name, catalog, options.data, into) for name in options.only or DATASETS]
    if options.json:
        print(json.dumps({"datasets": rows, "contributions": str(into)}))
    else:
        console.show_table("Contributed public data", rows)
        console.show(next_steps(rows))
    if any(row["state"] == "failed" for row in rows):
        raise SystemExit(1)


def contributed(name: str, catalog: Catalog, data: Path, into: Path) -> dict[str, Any]:
    """Contribute one dataset below `into`; its row of the closing table.

    Its `state` is `done`, `missing` (files that are not there) or `failed`, with the reason.
    """
    row: dict[str, Any] = {
        "dataset": name,
        "golden": "",
        "contributions": 0,
        "new": 0,
        "units": 0,
        "lines": 0,
        "state": "done",
        "reason": "",
    }
    try:
        dataset = load(name)
        row["golden"] = dataset.golden
        with TemporaryDirectory(prefix="whetstone-golden-") as derived:
            for part in dataset.parts(data, Path(derived)):
                _contribute_part(name, dataset, part, catalog, into, row)
    except MissingDataError as error:
        row |= {"state": "missing", "reason": str(error)}
    except (WhetstoneError, OSError, KeyError, ValueError) as error:  # the others can still go on
        row |= {"state": "failed", "reason": f"{type(error).__name__}: {error}"}
    console.say(" ".join(filter(None, (f"{name}: {row['state']}", row["reason"]))))
    return row


def _contribute_part(
    name: str, dataset: Dataset, part: Part, catalog: Catalog, into: Path, row: dict[str, Any]
) -> None:
    golden = catalog.golden_dataset(dataset.golden)
    console.say(f"{name}: checking {part.raw.name} against its labels")
    lake = Lake(settings().lake)
    tried = preview_contribution(
        catalog, golden, part.raw, part.labels, part.day, lake, settings().max_line_bytes
    )
    _, new = contribute(
        into,
        golden.name,
        catalog.source_of(golden).name,
        part.raw,
        part.labels,
        contributor=CONTRIBUTOR,
        day=date.fromisoformat(part.day),
        note=f"{name}: {dataset.protocol}",
    )
    row["contributions"] += 1
    row["new"] += new
    row["units"] += tried.examples
    row["lines"] += tried.parsed.lines


def next_steps(rows: Sequence[dict[str, Any]]) -> str:
    """What to run now."""
    if not any(row["contributions"] for row in rows):
        return "Nothing was contributed: is --data the directory of the public data?"
    if not any(row["new"] for row in rows):
        return "All of it was contributed before; `whetstone status` shows what it made."
    return (
        "Next: `make up` (or the running platform) builds the golden datasets, trains their"
        " detectors and releases what passes its gate; `whetstone status` shows how far it is."
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.golden", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory of the public data")
    parser.add_argument("--only", nargs="+", choices=sorted(DATASETS), metavar="NAME", default=None)
    parser.add_argument("--json", action="store_true", help="on one line")
    return parser


if __name__ == "__main__":
    main()
