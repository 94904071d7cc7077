"""What must run after an edit, told without a look at lineage, hashes or planner.

Assets are not computed: their content is a hash of what it means, from a table written here by
hand. An asset must run exactly when what it is made from is no longer what it was made from.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from whetstone.catalog import Catalog
from whetstone.catalog.catalog_pb2 import Detector, FeatureView, GoldenDataset, Source

Key = tuple[str, str | None]
# Of parsed and golden events: what the features of today read, and fields that nobody references.
Content = tuple[str, str]
_TEMPLATE = re.compile(r"\btemplate\b")
# A day, and those before it with which its drift is compared.
_TRAILING = 15


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
        labelled = ("golden", "golden_features", "golden_report")
        once = [
            *(f"templates/{name}" for name, source in catalog.sources.items() if _mined(source)),
            *(f"{layer}/{name}" for layer in labelled for name in catalog.golden_datasets),
            *(f"{layer}/{name}" for layer in trained for name in catalog.detectors),
            "overview/page",
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
            case "templates":
                examples = (self._whole(f"golden/{each}") for each in self._golden_of(name))
                return digest(means(*self._message(name)), *examples)
            case "features":
                view = catalog.feature_views[name]
                # Days that have passed keep the templates of their time.
                templates = self._templates(view) if day == self._days[-1] else ""
                events = self._whole(f"parsed/{view.source}", day)
                return digest(self._features(view), events, templates)
            case "golden":
                source = catalog.source_of(catalog.golden_datasets[name]).name
                return means(*self._fed(name), *self._fields(source), f"extra/{source}")
            case "golden_features":
                view = catalog.view_of(catalog.golden_datasets[name])
                examples = self._whole(f"golden/{name}")
                return digest(self._features(view), examples, self._templates(view))
            case "golden_report":
                return digest(self._whole(f"golden/{name}"), self._whole(f"golden_features/{name}"))
            case "overview":
                told = (
                    f"{kind}/{d}" for kind in ("quality", "evaluation") for d in catalog.detectors
                )
                days = (
                    self._whole(f"drift/{d}", at) for d in catalog.detectors for at in self._days
                )
                return digest(*(self._whole(each) for each in told), *days)
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
                    self._meanings.of(
                        f"detector/{name}", f"triggers/{name}", f"share/{dataset.name}", *used
                    ),
                    self._whole(f"training_set/{name}"),
                )
            case "evaluation":
                judged_by = self._meanings.of(
                    f"gate/{name}", f"canaries/{dataset.name}", f"shadow/{name}"
                )
                return digest(judged_by, self._whole(f"model/{name}"))
            case "release":
                return self._whole(f"evaluation/{name}")
            case "scores":
                source = self._catalog.source_of(dataset).name
                serviced = self._meanings.of(f"serviced/{name}")
                return digest(serviced, self._whole(f"parsed/{source}", day), release)
            case "drift":
                source = self._catalog.source_of(dataset).name
                compared = [each for each in self._days if each <= (day or "")][-_TRAILING:]
                scores = (self._whole(f"scores/{name}", at) for at in compared)
                events = (self._whole(f"parsed/{source}", at) for at in compared)
                return digest(*scores, *events, release)
            case _:
                scores = [self._whole(f"scores/{name}", at) for at in self._days]
                told = self._meanings.of(f"verdicts/{dataset.name}", f"canaries/{dataset.name}")
                return digest(self._whole(f"evaluation/{name}"), *scores, told)

    def _content(self, key: Key) -> Content:
        layer, name = key[0].split("/")
        means, catalog = self._meanings.of, self._catalog
        match layer:
            case "parsed":
                core = means(*self._fields(name), f"landing/{name}/{key[1]}")
                return core, means(f"extra/{name}")
            case "templates":
                examples = (self._core(f"golden/{each}") for each in self._golden_of(name))
                return digest(means(*self._message(name)), *examples), ""
            case "features":
                view = catalog.feature_views[name]
                events = self._core(f"parsed/{view.source}", key[1])
                return digest(self._features(view), events, self._templates(view)), ""
            case "golden":
                source = catalog.source_of(catalog.golden_datasets[name]).name
                return means(*self._fed(name), *self._fields(source)), means(f"extra/{source}")
            case "golden_features":
                view = catalog.view_of(catalog.golden_datasets[name])
                examples = self._core(f"golden/{name}")
                return digest(self._features(view), examples, self._templates(view)), ""
            case "training_set":
                detector = catalog.detectors[name]
                examples = self._core(f"golden/{detector.golden_dataset}")
                used = [thing for thing in self._used(detector) if thing.startswith("feature/")]
                view = catalog.view_of(self._dataset(detector))
                read = (f.definition for f in view.features if f.name in detector.features)
                templates = self._templates(view) if any(map(_TEMPLATE.search, read)) else ""
                return digest(*sorted(detector.features), means(*used), examples, templates), ""
            case "scores":
                source = catalog.source_of(self._dataset(catalog.detectors[name])).name
                champion = self._whole(f"release/{name}")
                parsed = self._core(f"parsed/{source}", key[1])
                return digest(means(f"serviced/{name}"), parsed, champion), ""
            case _:
                return self.recipe(key), ""

    def _dataset(self, detector: Detector) -> GoldenDataset:
        return self._catalog.golden_datasets[detector.golden_dataset]

    def _golden_of(self, source: str) -> list[str]:
        datasets = self._catalog.golden_datasets.items()
        return [name for name, each in datasets if self._catalog.source_of(each).name == source]

    def _fed(self, dataset: str) -> list[str]:
        """What people give to a golden dataset, and say of it."""
        refreshed = self._catalog.golden_datasets[dataset].HasField("refresh")
        users = [d for d in self._catalog.detectors.values() if d.golden_dataset == dataset]
        calls = [f"triggers/{detector.name}" for detector in users if refreshed]
        return [f"golden/{dataset}", f"contributions/{dataset}", f"verdicts/{dataset}", *calls]

    def _message(self, source: str) -> list[str]:
        """The fields on which a source's messages depend: its own, and which lines are events."""
        defined = self._catalog.sources[source]
        words = {defined.message, defined.event_time}
        fields = (f for f in defined.fields if f.name in words or f.required)
        return [f"field/{source}/{field.name}" for field in fields]

    def _templates(self, view: FeatureView) -> str:
        """The templates that a view reads; empty: none."""
        read = any(_TEMPLATE.search(feature.definition) for feature in view.features)
        mined = read and _mined(self._catalog.sources[view.source])
        return self._whole(f"templates/{view.source}") if mined else ""

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
        words |= {field.name for field in source.fields if field.required}
        if "template" in words and _mined(source):
            words.add(source.message)
        words |= {*view.window.entity, *view.event.entity, view.session.key, source.event_time}
        return [
            *(f"feature/{view.name}/{f.name}" for f in used),
            *(f"field/{source.name}/{f.name}" for f in source.fields if f.name in words),
        ]

    def _whole(self, asset: str, day: str | None = None) -> str:
        return digest(*self.contents.get((asset, day), ("", "")))

    def _core(self, asset: str, day: str | None = None) -> str:
        return self.contents.get((asset, day), ("", ""))[0]


def _mined(source: Source) -> bool:
    """Whether templates are found in a source's messages."""
    return bool(source.message) and "template" not in {field.name for field in source.fields}


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
