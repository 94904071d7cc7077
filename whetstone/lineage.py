"""The asset graph as data: what is made from what, and by which definitions (pure).

The Dagster assets, the plan of what re-runs and `whetstone status` are all derived from it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from functools import lru_cache

from whetstone.catalog import Catalog
from whetstone.catalog.catalog_pb2 import Detector, FeatureView, GoldenDataset, Source
from whetstone.catalog.families import families_of
from whetstone.catalog.hashes import (
    message_field_hash,
    message_hash,
    source_hash,
    used_hash,
    view_hash,
)
from whetstone.catalog.slow import Slow
from whetstone.catalog.templated import has_templates, reads_templates
from whetstone.lake import version_of
from whetstone.parsing.templates_masks import MASKING

ALERTS = "alerts/daily"
WAREHOUSE = "warehouse/views"
OVERVIEW = "overview/page"
TRAILING_DAYS = 14
"""Days before a day that its drift is compared with."""


class Follow(Enum):
    """When a change of an input makes its user stale."""

    CONTENT = "content"  # whenever the input's content changes
    LATEST = "latest"  # on the newest day only: history keeps what was in service then
    PRESENCE = "presence"  # only when the input appears
    AFTER = "after"  # never; it reads the input by the way and is made after it


@dataclass(frozen=True)
class Input:
    """An input of an asset: an asset, or a root that people and sensors feed.

    Attributes:
        asset: its name.
        follow: when its change matters.
        gated: its gate must have passed, as its manifest says.
        optional: what cannot be made is left out; else the asset cannot be made without it.
        days_before: of a daily input: how many of the days before are read as well, as far as
            they exist; the day itself has to, unless the input is optional.
    """

    asset: str
    follow: Follow = Follow.CONTENT
    gated: bool = False
    optional: bool = False
    days_before: int = 0

    def days(self, day: str) -> Sequence[str]:
        """The days of a daily input that a day is made from, ascending."""
        return _days_until(day, self.days_before) if self.days_before else (day,)


@lru_cache(maxsize=100_000)
def _days_until(day: str, before: int) -> Sequence[str]:
    last = date.fromisoformat(day)
    return tuple((last - timedelta(n)).isoformat() for n in range(before, -1, -1))


@dataclass(frozen=True)
class Node:
    """An asset: `layer/name`, one partition a day or none, and the hash of its definitions."""

    asset: str
    daily: bool
    code_version: str
    inputs: tuple[Input, ...]

    @property
    def layer(self) -> str:
        """The layer of the graph."""
        return self.asset.partition("/")[0]

    @property
    def name(self) -> str:
        """The source, view, golden dataset or detector."""
        return self.asset.partition("/")[2]


@dataclass(frozen=True)
class Graph:
    """All assets, parents first.

    Inputs that are no node are roots; `daily_roots` have days and feed daily assets only.
    """

    nodes: Mapping[str, Node]
    daily_roots: frozenset[str]

    def is_daily(self, asset: str) -> bool:
        """Whether an asset or root has one partition a day."""
        return asset in self.daily_roots or (asset in self.nodes and self.nodes[asset].daily)


def build_graph(catalog: Catalog, training_code: Mapping[str, str]) -> Graph:
    """The graph of a catalog.

    Args:
        catalog: the definitions.
        training_code: hash of the training code by model family, such as `pca_spe`.
    """
    nodes = [
        *_of_sources(catalog),
        *_of_golden_datasets(catalog),
        *_of_templates(catalog),
        *_of_features(catalog),
        *(
            node
            for detector in catalog.detectors.values()
            for node in _of_detector(catalog, detector, training_code)
        ),
    ]
    # A source that has not landed on a day, or a detector that fails, keeps back no other's alerts.
    scores = [Input(f"scores/{name}", optional=True) for name in catalog.detectors]
    nodes.append(Node(ALERTS, True, "", tuple(scores)))
    nodes += [_quality_of(catalog, detector) for detector in catalog.detectors.values()]
    nodes.append(Node(OVERVIEW, False, "", tuple(_told(nodes))))
    nodes.append(Node(WAREHOUSE, False, "", tuple(_queried(nodes))))
    return Graph(
        {node.asset: node for node in nodes},
        frozenset(f"landing/{name}" for name in catalog.sources),
    )


def _of_sources(catalog: Catalog) -> Iterable[Node]:
    for name, source in catalog.sources.items():
        yield Node(f"parsed/{name}", True, _parsing(catalog, source), (Input(f"landing/{name}"),))


def _parsing(catalog: Catalog, source: Source) -> str:
    """What parsing a source means, with the treatment of personal data where it is landed."""
    policies = [
        part
        for name, environment in catalog.environments.items()
        if source.name in environment.sources and environment.HasField("privacy")
        for part in (name, message_hash(environment.privacy))
    ]
    return version_of(_events(source), *policies) if policies else _events(source)


def _events(source: Source) -> str:
    """What the events of a source are, with the keys by which templates are found."""
    if not source.message:
        return source_hash(source)
    return version_of(source_hash(source), source.message, MASKING.version)


def _of_golden_datasets(catalog: Catalog) -> Iterable[Node]:
    for name, dataset in catalog.golden_datasets.items():
        view = catalog.view_of(dataset)
        yield Node(
            f"golden/{name}",
            False,
            version_of(
                message_hash(dataset), _events(catalog.source_of(dataset)), view_hash(view, ())
            ),
            (
                Input(f"contributions/{name}"),
                Input(f"verdicts/{name}"),
                *_refreshed_by(catalog, dataset),
                # Where the events lie that verdicts are about.
                Input(f"parsed/{view.source}", Follow.AFTER, optional=True),
            ),
        )


def _refreshed_by(catalog: Catalog, dataset: GoldenDataset) -> Iterable[Input]:
    """What calls for a new sample of benign production units."""
    if dataset.HasField("refresh"):
        for detector in catalog.detectors.values():
            if detector.golden_dataset == dataset.name:
                yield Input(f"triggers/{detector.name}")


def _of_templates(catalog: Catalog) -> Iterable[Node]:
    """Mined when the source appears and when its detectors are about to retrain, no day sooner."""
    for name, source in catalog.sources.items():
        if has_templates(source):
            retraining = [
                Input(f"golden/{dataset.name}", optional=True)
                for dataset in catalog.golden_datasets.values()
                if catalog.view_of(dataset).source == name
            ]
            yield Node(
                f"templates/{name}",
                False,
                version_of(message_field_hash(source), MASKING.version),
                (Input(f"parsed/{name}", Follow.PRESENCE, optional=True), *retraining),
            )


def _of_features(catalog: Catalog) -> Iterable[Node]:
    for name, view in catalog.feature_views.items():
        # Days that have passed keep the templates of their time.
        templates = _templates_of(catalog, view, Follow.LATEST)
        inputs = (Input(f"parsed/{view.source}"), *templates)
        yield Node(f"features/{name}", True, view_hash(view), inputs)
    for name, dataset in catalog.golden_datasets.items():
        view = catalog.view_of(dataset)
        inputs = (Input(f"golden/{name}"), *_templates_of(catalog, view, Follow.CONTENT))
        yield Node(f"golden_features/{name}", False, view_hash(view), inputs)
        yield Node(
            f"golden_report/{name}",
            False,
            "",
            (
                Input(f"golden/{name}"),
                Input(f"golden_features/{name}"),
                Input(f"parsed/{view.source}", Follow.AFTER, optional=True),
            ),
        )


def _templates_of(catalog: Catalog, view: FeatureView, follow: Follow) -> Iterable[Input]:
    if reads_templates(catalog.sources[view.source], view):
        yield Input(f"templates/{view.source}", follow)


def _of_detector(
    catalog: Catalog, detector: Detector, training_code: Mapping[str, str]
) -> Iterable[Node]:
    name = detector.name
    dataset = catalog.golden_datasets[detector.golden_dataset]
    source = catalog.source_of(dataset)
    view = catalog.view_of(dataset)
    used = used_hash(source, view, detector, catalog.feature_views.values())
    slow = catalog.slow_of(detector)
    yield from _of_slow_features(detector, slow)
    yield Node(
        f"training_set/{name}",
        False,
        version_of(*sorted(detector.features), *(f"{s.names} {s.max_age}" for s in slow)),
        (
            Input(f"golden/{dataset.name}"),
            Input(f"golden_features/{dataset.name}"),
            *([Input(f"slow_features/{name}")] if slow else ()),
        ),
    )
    yield Node(
        f"model/{name}",
        False,
        version_of(
            message_hash(detector),
            used,
            *([dataset.max_contributor_share] if dataset.max_contributor_share else []),
            *(training_code[one] for one in families_of(detector)),
        ),
        (Input(f"training_set/{name}"), Input(f"triggers/{name}")),
    )
    judged_by = version_of(message_hash(detector.gate), _canaries(dataset))
    judged = (Input(f"model/{name}"), Input(f"shadow/{name}"))
    yield Node(f"evaluation/{name}", False, judged_by, judged)
    # A release takes along what is online when it is made; newer windows make no newer release.
    online = [Input(f"online/{name}", Follow.AFTER, optional=True)] if slow else []
    yield Node(f"release/{name}", False, "", (Input(f"evaluation/{name}", gated=True), *online))
    serviced = [e.name for e in catalog.environments.values() if name in e.detectors]
    yield Node(
        f"scores/{name}",
        True,
        version_of(*serviced),
        (
            Input(f"parsed/{source.name}"),
            *(
                Input(f"features/{s.view.name}", optional=True, days_before=s.days_before)
                for s in slow
            ),
            Input(f"release/{name}", Follow.LATEST),
        ),
    )
    yield Node(
        f"drift/{name}",
        True,
        "",
        (
            Input(f"scores/{name}", days_before=TRAILING_DAYS),
            Input(f"parsed/{source.name}", days_before=TRAILING_DAYS),
            Input(f"release/{name}", Follow.LATEST),
        ),
    )


def _quality_of(catalog: Catalog, detector: Detector) -> Node:
    dataset = catalog.golden_datasets[detector.golden_dataset]
    floor = detector.gate.min_precision
    return Node(
        f"quality/{detector.name}",
        False,
        version_of(_canaries(dataset), floor) if floor else _canaries(dataset),
        (
            Input(f"evaluation/{detector.name}"),
            # Its own alerts change with its scores; those of others are no reason.
            Input(f"scores/{detector.name}"),
            Input(ALERTS, Follow.AFTER),
            Input(f"parsed/{catalog.source_of(dataset).name}", Follow.AFTER),
            Input(f"verdicts/{dataset.name}"),
        ),
    )


def _canaries(dataset: GoldenDataset) -> str:
    """The attacks that every model must find; empty: none."""
    return version_of(*map(message_hash, dataset.canaries)) if dataset.canaries else ""


def _of_slow_features(detector: Detector, slow: Sequence[Slow]) -> Iterable[Node]:
    """The history of a detector's examples, and what scorers look up."""
    if not slow:
        return
    dataset, version = detector.golden_dataset, version_of(*(s.online for s in slow))
    features = [f"features/{s.view.name}" for s in slow]
    yield Node(
        f"slow_features/{detector.name}",
        False,
        version_of(version, *(s.max_age for s in slow)),
        # Where the history lies of units that verdicts are about.
        (
            Input(f"golden/{dataset}"),
            *(Input(each, Follow.AFTER, optional=True) for each in features),
        ),
    )
    yield Node(
        f"online/{detector.name}",
        False,
        version,
        tuple(Input(each, optional=True) for each in features),
    )


def _told(nodes: Iterable[Node]) -> Iterable[Input]:
    """What the overview of all detectors tells of."""
    for node in nodes:
        if node.layer in ("drift", "quality", "evaluation"):
            yield Input(node.asset, optional=True)


def _queried(nodes: Iterable[Node]) -> Iterable[Input]:
    """What people query: the layers that the warehouse has views of."""
    for node in nodes:
        if node.layer in ("parsed", "templates", "features", "golden", "scores", "alerts"):
            yield Input(node.asset, Follow.PRESENCE, optional=True)
