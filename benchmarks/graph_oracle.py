"""What must run after an edit, told without a look at lineage, hashes or planner.

Assets are not computed: their content is a hash of what it means, from a table written here by
hand. An asset must run exactly when what it is made from is no longer what it was made from.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from whetstone.catalog import Catalog
from whetstone.catalog.catalog_pb2 import Detector, FeatureView, GoldenDataset

Key = tuple[str, str | None]
# Of parsed and golden events: what the features of today read, and fields that nobody references.
Content = tuple[str, str]


@dataclass
class Meanings:
    """How often each thing was changed in what it means; words for people do not count."""

    changes: dict[str, int] = field(default_factory=dict[str, int])

    def change(self, *things: str) -> None:
        """Something means something else from now on."""
        for thing in things:
            self.changes[thing] = self.changes.get(thing, 0) + 1

    def of(self, *things: str) -> str:
        """A hash of what these things mean now."""
        return digest(*(f"{thing}={self.changes.get(thing, 0)}" for thing in things))


class Oracle:
    """Recipes and contents of all assets of a catalog.

    Args:
        catalog: as it is now.
        meanings: as they are now.
        days: the days on which raw files have landed.
    """

    def __init__(self, catalog: Catalog, meanings: Meanings, days: list[str]):
        self._catalog = catalog
        self._meanings = meanings
        self._days = days
        self.contents: dict[Key, Content] = {}
        self.recipes: dict[Key, str] = {}

    def renewed(self, catalog: Catalog) -> "Oracle":
        """The same past under another catalog."""
        other = Oracle(catalog, self._meanings, self._days)
        other.contents, other.recipes = self.contents, self.recipes
        return other

    def make(self, asset: str, day: str | None) -> str:
        """Make an asset: remember its recipe and content; returns the content version."""
        key = (asset, day)
        self.recipes[key] = self.recipe(key)
        self.contents[key] = self._content(key)
        return digest(*self.contents[key])

    def must_run(self) -> set[Key]:
        """What is not made from what there is now."""
        return {key for key in self.keys() if self.recipes.get(key) != self.recipe(key)}

    def keys(self) -> Iterator[Key]:
        """Every asset and day that there should be."""
        catalog = self._catalog
        daily = [
            *(f"parsed/{name}" for name in catalog.sources),
            *(f"features/{name}" for name in catalog.feature_views),
            *(f"{layer}/{name}" for layer in ("scores", "drift") for name in catalog.detectors),
            "alerts/daily",
        ]
        trained = ("training_set", "model", "evaluation", "release", "quality")
        once = [
            *(f"golden/{name}" for name in catalog.golden_datasets),
            *(f"golden_features/{name}" for name in catalog.golden_datasets),
            *(f"{layer}/{name}" for layer in trained for name in catalog.detectors),
            "warehouse/views",
        ]
        yield from ((asset, day) for asset in daily for day in self._days)
        yield from ((asset, None) for asset in once)

    def recipe(self, key: Key) -> str:
        """What an asset would be made from now: definitions it uses, contents of its inputs."""
        layer, name = key[0].split("/")
        day = key[1]
        means, catalog = self._meanings.of, self._catalog
        match layer:
            case "parsed":
                return means(*self._fields(name), f"extra/{name}", f"landing/{name}/{day}")
            case "features":
                view = catalog.feature_views[name]
                return digest(self._features(view), self._whole(f"parsed/{view.source}", day))
            case "golden":
                fed = f"contributions/{name}", f"verdicts/{name}"
                source = catalog.source_of(catalog.golden_datasets[name]).name
                return means(f"golden/{name}", *fed, *self._fields(source), f"extra/{source}")
            case "golden_features":
                view = catalog.view_of(catalog.golden_datasets[name])
                return digest(self._features(view), self._whole(f"golden/{name}"))
            case "warehouse":
                views = ("sources", "feature_views", "golden_datasets", "detectors")
                return digest(*(n for kind in views for n in getattr(catalog, kind)))
            case "alerts":
                return digest(*(self._whole(f"scores/{d}", day) for d in catalog.detectors))
            case _:
                return self._of_detector(layer, catalog.detectors[name], day)

    def _of_detector(self, layer: str, detector: Detector, day: str | None) -> str:
        name = detector.name
        dataset = self._dataset(detector)
        release = self._whole(f"release/{name}") if day == self._days[-1] else ""
        match layer:
            case "training_set":
                golden, features = f"golden/{dataset.name}", f"golden_features/{dataset.name}"
                listed = sorted(detector.features)
                return digest(*listed, self._whole(golden), self._whole(features))
            case "model":
                used = self._used(detector)
                return digest(
                    self._meanings.of(f"detector/{name}", *used),
                    self._whole(f"training_set/{name}"),
                )
            case "evaluation":
                return self._whole(f"model/{name}")
            case "release":
                return self._whole(f"evaluation/{name}")
            case "scores":
                source = self._catalog.source_of(dataset).name
                serviced = self._meanings.of(f"serviced/{name}")
                return digest(serviced, self._whole(f"parsed/{source}", day), release)
            case "drift":
                return digest(self._whole(f"scores/{name}", day), release)
            case _:
                scores = [self._whole(f"scores/{name}", at) for at in self._days]
                verdicts = self._meanings.of(f"verdicts/{dataset.name}")
                return digest(self._whole(f"evaluation/{name}"), *scores, verdicts)

    def _content(self, key: Key) -> Content:
        layer, name = key[0].split("/")
        means, catalog = self._meanings.of, self._catalog
        match layer:
            case "parsed":
                core = means(*self._fields(name), f"landing/{name}/{key[1]}")
                return core, means(f"extra/{name}")
            case "features":
                view = catalog.feature_views[name]
                return digest(self._features(view), self._core(f"parsed/{view.source}", key[1])), ""
            case "golden":
                source = catalog.source_of(catalog.golden_datasets[name]).name
                fed = f"golden/{name}", f"contributions/{name}", f"verdicts/{name}"
                return means(*fed, *self._fields(source)), means(f"extra/{source}")
            case "golden_features":
                view = catalog.view_of(catalog.golden_datasets[name])
                return digest(self._features(view), self._core(f"golden/{name}")), ""
            case "training_set":
                detector = catalog.detectors[name]
                examples = self._core(f"golden/{detector.golden_dataset}")
                used = (thing for thing in self._used(detector) if thing.startswith("feature/"))
                return digest(*sorted(detector.features), means(*used), examples), ""
            case "scores":
                source = catalog.source_of(self._dataset(catalog.detectors[name])).name
                champion = self._whole(f"release/{name}")
                parsed = self._core(f"parsed/{source}", key[1])
                return digest(means(f"serviced/{name}"), parsed, champion), ""
            case _:
                return self.recipe(key), ""

    def _dataset(self, detector: Detector) -> GoldenDataset:
        return self._catalog.golden_datasets[detector.golden_dataset]

    def _fields(self, source: str) -> list[str]:
        fields = self._catalog.sources[source].fields
        return [f"field/{source}/{f.name}" for f in fields if not f.name.startswith("nobodys")]

    def _features(self, view: FeatureView) -> str:
        return self._meanings.of(*(f"feature/{view.name}/{f.name}" for f in view.features))

    def _used(self, detector: Detector) -> list[str]:
        """The features of a detector, and the fields that they name."""
        view = self._catalog.view_of(self._dataset(detector))
        source = self._catalog.sources[view.source]
        used = [f for f in view.features if f.name in detector.features]
        words = {word for f in used for word in re.findall(r"\w+", f.definition)}
        words |= {*view.window.entity, *view.event.entity, view.session.key, source.event_time}
        return [
            *(f"feature/{view.name}/{f.name}" for f in used),
            *(f"field/{source.name}/{f.name}" for f in source.fields if f.name in words),
        ]

    def _whole(self, asset: str, day: str | None = None) -> str:
        return digest(*self.contents.get((asset, day), ("", "")))

    def _core(self, asset: str, day: str | None = None) -> str:
        return self.contents.get((asset, day), ("", ""))[0]


def digest(*parts: str) -> str:
    """A hash of texts."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def unused_features(catalog: Catalog) -> Iterable[tuple[FeatureView, str]]:
    """Features that no detector uses."""
    for dataset in catalog.golden_datasets.values():
        view = catalog.view_of(dataset)
        users = [d for d in catalog.detectors.values() if d.golden_dataset == dataset.name]
        used = {name for detector in users for name in detector.features}
        yield from ((view, f.name) for f in view.features if f.name not in used)
