"""The catalog directory as one object, validated."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from whetstone.catalog import validation
from whetstone.catalog.catalog_pb2 import (
    Definitions,
    Detector,
    Environment,
    FeatureView,
    GoldenDataset,
    Source,
)
from whetstone.catalog.slow import Slow, slow_of
from whetstone.catalog.textproto import Located, M, read_message
from whetstone.errors import CatalogError, InputError

N = TypeVar("N")


@dataclass(frozen=True)
class Catalog:
    """All definitions by name, in the order of their names."""

    sources: Mapping[str, Source]
    feature_views: Mapping[str, FeatureView]
    golden_datasets: Mapping[str, GoldenDataset]
    detectors: Mapping[str, Detector]
    environments: Mapping[str, Environment]

    def source(self, name: str) -> Source:
        """The source of that name; InputError lists the names there are."""
        return _named(self.sources, name, "source")

    def golden_dataset(self, name: str) -> GoldenDataset:
        """The golden dataset of that name; InputError lists the names there are."""
        return _named(self.golden_datasets, name, "golden dataset")

    def detector(self, name: str) -> Detector:
        """The detector of that name; InputError lists the names there are."""
        return _named(self.detectors, name, "detector")

    def environment(self, name: str) -> Environment:
        """The environment of that name; InputError lists the names there are."""
        return _named(self.environments, name, "environment")

    def view_of(self, dataset: GoldenDataset) -> FeatureView:
        """The feature view whose units a golden dataset labels."""
        return self.feature_views[dataset.feature_view]

    def source_of(self, dataset: GoldenDataset) -> Source:
        """The source of a golden dataset's raw logs."""
        return self.sources[self.view_of(dataset).source]

    @property
    def definitions(self) -> Definitions:
        """All definitions but the environments as one message."""
        return Definitions(
            sources=self.sources.values(),
            feature_views=self.feature_views.values(),
            golden_datasets=self.golden_datasets.values(),
            detectors=self.detectors.values(),
        )

    def slow_of(self, detector: Detector) -> tuple[Slow, ...]:
        """The slow features of a detector."""
        if not detector.slow:
            return ()
        source = self.source_of(self.golden_datasets[detector.golden_dataset])
        return slow_of(detector, source, self.feature_views.values())

    def needed_by(self, detector: Detector) -> Definitions:
        """The definitions that a detector's bundle carries: all that scoring raw logs takes."""
        dataset = self.golden_datasets[detector.golden_dataset]
        return Definitions(
            sources=[self.source_of(dataset)],
            feature_views=[
                self.view_of(dataset),
                *(self.feature_views[slow.view] for slow in detector.slow),
            ],
            golden_datasets=[dataset],
            detectors=[detector],
        )


@dataclass(frozen=True)
class CatalogFiles:
    """All definitions by name, each with its file and the lines of its fields; validated."""

    sources: Mapping[str, Located[Source]]
    feature_views: Mapping[str, Located[FeatureView]]
    golden_datasets: Mapping[str, Located[GoldenDataset]]
    detectors: Mapping[str, Located[Detector]]
    environments: Mapping[str, Located[Environment]]

    @property
    def catalog(self) -> Catalog:
        """The definitions alone."""
        return Catalog(
            sources=_messages(self.sources),
            feature_views=_messages(self.feature_views),
            golden_datasets=_messages(self.golden_datasets),
            detectors=_messages(self.detectors),
            environments=_messages(self.environments),
        )


def load_catalog(directory: Path) -> Catalog:
    """Load and validate every `*.textproto` below a catalog directory.

    Raises:
        CatalogError: one line for each problem found, `file:line: field: problem`.
    """
    return read_catalog(directory).catalog


def read_catalog(directory: Path) -> CatalogFiles:
    """Load and validate a catalog directory, and remember where everything stands.

    Raises:
        CatalogError: one line for each problem found, `file:line: field: problem`.
    """
    if not directory.is_dir():
        raise CatalogError(f"{directory}: no such catalog; set WHETSTONE_CATALOG to its directory")
    problems: list[CatalogError] = []
    sources = _read(directory / "sources", Source, problems)
    views = _read(directory / "features", FeatureView, problems)
    golden = _read(directory / "golden", GoldenDataset, problems)
    detectors = _read(directory / "detectors", Detector, problems)
    environments = _read(directory / "environments", Environment, problems)
    if not problems:
        problems += validation.check(sources, views, golden, detectors, environments)
    if problems:
        raise CatalogError("\n".join(str(problem) for problem in problems))
    return CatalogFiles(sources, views, golden, detectors, environments)


def _messages(found: Mapping[str, Located[M]]) -> dict[str, M]:
    return {name: located.message for name, located in sorted(found.items())}


def _read(directory: Path, kind: type[M], problems: list[CatalogError]) -> dict[str, Located[M]]:
    found: dict[str, Located[M]] = {}
    for file in sorted(directory.glob("*.textproto")):
        try:
            located = read_message(file, kind)
        except CatalogError as error:
            problems.append(error)
            continue
        name = str(located.message.name)  # pyright: ignore
        if name != file.stem:
            problems.append(located.error("name", f"is {name!r} but the file is {file.name}"))
        found[name] = located
    return found


def _named(things: Mapping[str, N], name: str, word: str) -> N:
    if name not in things:
        raise InputError(f"there is no {word} {name!r}; there are: {', '.join(things) or 'none'}")
    return things[name]
