"""An idea's file, checked as the catalog would be if the idea were in it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from whetstone.catalog import validation
from whetstone.catalog.catalog_pb2 import Detector, FeatureView, Idea, Source
from whetstone.catalog.families import family_problems
from whetstone.catalog.loading import CatalogFiles
from whetstone.catalog.slow_problems import slow_types
from whetstone.catalog.textproto import Located, read_message
from whetstone.errors import CatalogError
from whetstone.spark.portable import portability_problems


@dataclass(frozen=True)
class CheckedIdea:
    """An idea whose definitions are valid.

    Attributes:
        idea: as written.
        source: of the view's events.
        view: the view with the proposed features behind its own.
        names: the proposed features.
        detectors: those that would use them, by name, as they are and with the features.
        unfit: detectors whose family cannot take them, with the reason.
        hints: what is valid and could be better.
    """

    idea: Idea
    source: Source
    view: FeatureView
    names: tuple[str, ...]
    detectors: Mapping[str, tuple[Detector, Detector]]
    unfit: Mapping[str, str]
    hints: tuple[str, ...]


def read_idea(
    file: Path, files: CatalogFiles, engine: str, only: Sequence[str] = ()
) -> CheckedIdea:
    """Read an idea and check it against a catalog.

    Args:
        file: an `Idea` in text format.
        files: the catalog.
        engine: what it runs on; on Spark a definition that Spark cannot run is an error.
        only: these detectors instead of those that the idea names; empty: as it says.

    Raises:
        CatalogError: one line for each problem, `file:line: field: problem`.
    """
    located = read_message(file, Idea)
    idea = located.message
    problems = [*_problems(located, files)]
    if not problems:
        view = files.feature_views[idea.feature_view].message
        alone = _view(view, idea, alone=True)
        tried = {view.name: Located(alone, file, located.lines)}
        problems = validation.check({view.source: files.sources[view.source]}, tried, {}, {}, {})
    hints = [
        located.error(f"features[{number}].definition", problem)
        for number, feature in enumerate(idea.features)
        if not problems
        for problem in portability_problems(feature.definition)
    ]
    if engine == "spark":
        problems, hints = [*problems, *hints], []
    if problems:
        raise CatalogError("\n".join(map(str, problems)))
    names = only or idea.detectors or _of_view(files, idea.feature_view)
    merged = _view(files.feature_views[idea.feature_view].message, idea, alone=False)
    pairs: dict[str, tuple[Detector, Detector]] = {}
    unfit: dict[str, str] = {}
    for name in names:
        if name not in _of_view(files, idea.feature_view):
            there = ", ".join(_of_view(files, idea.feature_view)) or "none"
            raise located.error(
                "detectors", f"{name!r} is no detector of {idea.feature_view}; there are: {there}"
            )
        pair = _with_features(files.detectors[name].message, idea)
        if problem := _unfit(pair[1], merged, files):
            unfit[name] = problem
        else:
            pairs[name] = pair
    source = files.sources[merged.source].message
    proposed = tuple(feature.name for feature in idea.features)
    return CheckedIdea(idea, source, merged, proposed, pairs, unfit, tuple(map(str, hints)))


def _problems(located: Located[Idea], files: CatalogFiles) -> Iterator[CatalogError]:
    idea = located.message
    if not validation.is_name(idea.name):
        yield located.error("name", "write lower-case letters, digits and _, at most 63")
    if idea.feature_view not in files.feature_views:
        there = ", ".join(files.feature_views)
        yield located.error(
            "feature_view", f"there is no feature view {idea.feature_view!r}; there are: {there}"
        )
        return
    if not idea.features:
        yield located.error("features", "propose at least one feature")
    known = {f.name for f in files.feature_views[idea.feature_view].message.features}
    for number, feature in enumerate(idea.features):
        if feature.name in known:
            yield located.error(
                f"features[{number}].name",
                f"{idea.feature_view} has a feature {feature.name!r}: choose another name",
            )


def _view(view: FeatureView, idea: Idea, *, alone: bool) -> FeatureView:
    """The view with the proposed features, or with nothing else."""
    copy = FeatureView()
    copy.CopyFrom(view)
    if alone:
        del copy.features[:]
    copy.features.extend(idea.features)
    return copy


def _of_view(files: CatalogFiles, view: str) -> list[str]:
    golden = {n for n, d in files.golden_datasets.items() if d.message.feature_view == view}
    return [n for n, d in files.detectors.items() if d.message.golden_dataset in golden]


def _with_features(detector: Detector, idea: Idea) -> tuple[Detector, Detector]:
    copy = Detector()
    copy.CopyFrom(detector)
    copy.features.extend(feature.name for feature in idea.features)
    return detector, copy


def _unfit(detector: Detector, view: FeatureView, files: CatalogFiles) -> str:
    """Why a family cannot take the features; empty: it can."""
    if detector.WhichOneof("family") == "ensemble":
        return "an ensemble hands features to its members by name: try a member on its own"
    types = {feature.name: feature.data_type for feature in view.features}
    views = {name: each.message for name, each in files.feature_views.items()}
    types |= slow_types(detector, views)
    return next((problem for _, problem in family_problems(detector, types)), "")
