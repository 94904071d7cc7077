"""The definitions behind an asset, part by part: what its code version is a hash of (pure).

A code version says that something changed; the parts say what. They differ where code versions
do: a part is equal exactly as long as it means the same.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from google.protobuf.message import Message

from whetstone.catalog import Catalog
from whetstone.catalog.catalog_pb2 import (
    NOT_PERSONAL,
    Detector,
    Expression,
    FeatureView,
    Field,
    Format,
    GoldenDataset,
    PersonalData,
    Source,
)
from whetstone.catalog.expressions import parse_expression
from whetstone.catalog.families import families_of
from whetstone.catalog.flat import flat
from whetstone.catalog.hashes import meaning_of
from whetstone.catalog.templated import reads_templates
from whetstone.catalog.units import entity_columns
from whetstone.lake import version_of
from whetstone.parsing.templates_masks import MASKING


@dataclass(frozen=True)
class Part:
    """A part of a definition: what people read of it, and a hash of what it means."""

    text: str
    meaning: str


Parts = Mapping[str, Part]
"""By what people call them: `feature failures of sshd_source_5m`."""


def parts_of(catalog: Catalog, training_code: Mapping[str, str], asset: str) -> Parts:
    """The parts of the definitions that an asset is made by; none for what has no definition.

    Args:
        catalog: the definitions; the asset is made by them.
        training_code: hash of the training code by model family.
        asset: its name in the graph, `layer/name`.
    """
    layer, _, name = asset.partition("/")
    match layer:
        case "parsed":
            found = _parsing(catalog, catalog.sources[name])
        case "golden":
            found = _golden(catalog, catalog.golden_datasets[name])
        case "templates":
            source = catalog.sources[name]
            found = [*_message(source), *_source(source, {source.message})]
        case "features":
            found = _view(catalog.feature_views[name])
        case "golden_features":
            found = _view(catalog.view_of(catalog.golden_datasets[name]))
        case "training_set":
            found = _training_set(catalog, catalog.detectors[name])
        case "slow_features" | "online":
            found = _slow(catalog, catalog.detectors[name])
        case "model":
            found = _model(catalog, catalog.detectors[name], training_code)
        case "evaluation":
            detector = catalog.detectors[name]
            gate = _message_parts(detector.gate, f"gate of detector {name}")
            found = [*gate, *_canaries(catalog, detector)]
        case "quality":
            found = _quality(catalog, catalog.detectors[name])
        case "scores":
            served = (e.name for e in catalog.environments.values() if name in e.detectors)
            found = [(f"environment {each}", _plain("serves it")) for each in served]
        case _:
            found = []
    return dict(found)


_Found = Iterable[tuple[str, Part]]


def _parsing(catalog: Catalog, source: Source) -> Iterator[tuple[str, Part]]:
    yield from _events(source)
    for name, environment in catalog.environments.items():
        if source.name in environment.sources and environment.HasField("privacy"):
            yield from _message_parts(environment.privacy, f"privacy of environment {name}")


def _events(source: Source) -> Iterator[tuple[str, Part]]:
    yield from _source(source, None)
    if source.message:
        yield from _message(source)


def _message(source: Source) -> Iterator[tuple[str, Part]]:
    yield f"message of source {source.name}", _plain(source.message)
    yield "masks of templates", _plain(MASKING.version)


def _source(source: Source, fields: set[str] | None) -> Iterator[tuple[str, Part]]:
    """As in `hashes.source_hash`: what decides which events there are, and the wanted fields."""
    of = f"of source {source.name}"
    yield f"format {of}", _plain(Format.Name(source.format))
    for name in ("pattern", "record_start", "header"):
        if value := getattr(source, name):
            yield f"{name} {of}", _plain(str(value))
    if source.HasField("accept"):
        yield f"accept {of}", _expression(source.accept)
    for field in source.fields:
        if fields is None or field.name in {*fields, source.event_time} or field.required:
            yield f"field {field.name} {of}", _field(field)


def _field(field: Field) -> Part:
    said = _expression(field)
    marks = ["required"] if field.required else []
    if field.personal_data != NOT_PERSONAL:
        marks.append(PersonalData.Name(field.personal_data))
    text = " ".join([field.data_type, said.text, *marks])
    return Part(text, version_of(said.meaning, field.data_type, *marks))


def _expression(part: Expression | Field) -> Part:
    raw = f" of {', '.join(part.index)}" if part.index else ""
    fingerprint = parse_expression(part.definition).fingerprint
    return Part(f"{part.definition}{raw}", version_of(fingerprint, *part.index))


def _view(view: FeatureView, features: Iterable[str] | None = None) -> Iterator[tuple[str, Part]]:
    """As in `hashes.view_hash`: what its units are, and the wanted features."""
    wanted = None if features is None else set(features)
    of = f"of {view.name}"
    yield f"source {of}", _plain(view.source)
    yield f"unit {of}", _plain(f"{view.WhichOneof('unit')} {view.window.every}".strip())
    yield f"entity {of}", _plain(", ".join(entity_columns(view)))
    for feature in view.features:
        if wanted is None or feature.name in wanted:
            fingerprint = parse_expression(feature.definition).fingerprint
            text = f"{feature.data_type} {feature.definition}"
            meaning = version_of(feature.data_type, fingerprint)
            yield f"feature {feature.name} {of}", Part(text, meaning)


def _golden(catalog: Catalog, dataset: GoldenDataset) -> Iterator[tuple[str, Part]]:
    yield from _message_parts(dataset, f"golden dataset {dataset.name}")
    yield from _events(catalog.source_of(dataset))
    yield from _view(catalog.view_of(dataset), ())


def _training_set(catalog: Catalog, detector: Detector) -> Iterator[tuple[str, Part]]:
    for name in sorted(detector.features):
        yield f"feature {name}", _plain("is used")
    for slow in catalog.slow_of(detector):
        for name in slow.names:
            yield f"slow feature {name}", _plain(f"max_age {slow.max_age}")


def _slow(catalog: Catalog, detector: Detector) -> Iterator[tuple[str, Part]]:
    source = catalog.source_of(catalog.golden_datasets[detector.golden_dataset])
    for slow in catalog.slow_of(detector):
        yield from _used(source, slow.view, slow.features)
        yield f"max_age of {slow.view.name}", _plain(str(slow.max_age))


def _model(
    catalog: Catalog, detector: Detector, training_code: Mapping[str, str]
) -> Iterator[tuple[str, Part]]:
    dataset = catalog.golden_datasets[detector.golden_dataset]
    source = catalog.source_of(dataset)
    yield from _message_parts(detector, f"detector {detector.name}")
    yield from _used(source, catalog.view_of(dataset), detector.features)
    for slow in detector.slow:
        yield from _used(source, catalog.feature_views[slow.view], slow.features)
    if share := dataset.max_contributor_share:
        yield f"max_contributor_share of golden dataset {dataset.name}", _plain(str(share))
    for family in families_of(detector):
        yield f"training code of {family}", _plain(training_code[family])


def _used(source: Source, view: FeatureView, features: Iterable[str]) -> Iterator[tuple[str, Part]]:
    """As in `hashes.features_hash`: features, and the fields that they read."""
    wanted = set(features)
    fields = set(entity_columns(view))
    for feature in view.features:
        if feature.name in wanted:
            fields |= parse_expression(feature.definition).columns
    if reads_templates(source, view, wanted):
        fields.add(source.message)
    yield from _source(source, fields)
    yield from _view(view, wanted)


def _quality(catalog: Catalog, detector: Detector) -> Iterator[tuple[str, Part]]:
    yield from _canaries(catalog, detector)
    if floor := detector.gate.min_precision:
        yield f"min_precision of detector {detector.name}", _plain(str(floor))


def _canaries(catalog: Catalog, detector: Detector) -> Iterator[tuple[str, Part]]:
    dataset = catalog.golden_datasets[detector.golden_dataset]
    for canary in dataset.canaries:
        yield from _message_parts(canary, f"canary {canary.name} of golden dataset {dataset.name}")


def _message_parts(message: Message, of: str) -> Iterator[tuple[str, Part]]:
    for path, text in flat(meaning_of(message)).items():
        yield f"{path} of {of}", _plain(text)


def _plain(text: str) -> Part:
    return Part(text, version_of(text))
