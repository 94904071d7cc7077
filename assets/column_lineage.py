"""Column lineage as the UI shows it: which column of an asset is made from which columns of others.

Values only: what decides which rows there are (clock, entity) is in `whetstone.column_lineage`.
"""

from collections.abc import Iterable, Iterator

import dagster as dg

from whetstone.catalog import Catalog
from whetstone.catalog.catalog_pb2 import Detector
from whetstone.catalog.slow import feature_names
from whetstone.catalog.slow_problems import slow_name
from whetstone.column_lineage import DETECTOR, FEATURE, FIELD, Column, column_lineage

_Deps = Iterator[tuple[str, list[dg.TableColumnDep]]]


class TableLineages:
    """The lineage of every table of a catalog."""

    def __init__(self, catalog: Catalog):
        self._catalog = catalog
        self._lineage = column_lineage(catalog)

    def of(self, asset: str) -> dg.TableColumnLineage | None:
        """The lineage of an asset's columns; None for what has no columns of definitions."""
        layer, _, name = asset.partition("/")
        match layer:
            case "parsed":
                found = self._values(FIELD, name, f"landing/{name}")
            case "features":
                source = self._catalog.feature_views[name].source
                found = self._values(FEATURE, name, f"parsed/{source}")
            case "golden_features":
                view = self._catalog.golden_datasets[name].feature_view
                found = self._values(FEATURE, view, f"golden/{name}")
            case "training_set":
                found = _joined(self._catalog.detectors[name])
            case "scores":
                found = self._score(self._catalog.detectors[name])
            case _:
                return None
        return dg.TableColumnLineage(deps_by_column=dict(found))

    def _values(self, kind: str, owner: str, parent: str) -> _Deps:
        for column, made in self._lineage.made.items():
            if column.kind == kind and column.owner == owner:
                yield column.name, _deps(parent, (each.name for each in made.values))

    def _score(self, detector: Detector) -> _Deps:
        dataset = self._catalog.golden_datasets[detector.golden_dataset]
        reached = self._lineage.up(Column(DETECTOR, detector.name, "score"), rows=False)
        fields = (c.name for c in reached if c.kind == FIELD)
        yield "score", _deps(f"parsed/{self._catalog.source_of(dataset).name}", fields)


def _joined(detector: Detector) -> _Deps:
    slow = {
        slow_name(each.view, name): (f"features/{each.view}", name)
        for each in detector.slow
        for name in each.features
    }
    for name in feature_names(detector):
        parent, column = slow.get(name, (f"golden_features/{detector.golden_dataset}", name))
        yield name, _deps(parent, [column])


def _deps(asset: str, columns: Iterable[str]) -> list[dg.TableColumnDep]:
    key = dg.AssetKey(asset.split("/"))
    return [dg.TableColumnDep(asset_key=key, column_name=name) for name in sorted(columns)]
