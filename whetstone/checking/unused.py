"""Definitions that nothing uses, and fields that ought to say more about themselves (pure)."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from whetstone.catalog.catalog_pb2 import ADDRESS, HOST, LINE, NOT_PERSONAL, USER, Detector, Source
from whetstone.catalog.expressions import parse_expression
from whetstone.catalog.loading import CatalogFiles
from whetstone.catalog.patterns import group_names
from whetstone.catalog.textproto import Located
from whetstone.catalog.validation import entity_columns
from whetstone.checking.findings import Hint, hint_at, listed
from whetstone.proposing.personal import personal_data_of

_ANCHORS = ("^", r"\A", "(?i)^", "(?s)^", "(?m)^")
_PERSONAL = {ADDRESS: "ADDRESS", USER: "USER", HOST: "HOST"}


def unused_definitions(files: CatalogFiles) -> Iterator[Hint]:
    """What nobody references: fields, raw fields, features, and whole definitions."""
    for name, source in files.sources.items():
        yield from _unused_fields(source, _fields_read(files, name))
        yield from _unused_groups(source)
    for name, view in files.feature_views.items():
        used = {
            feature
            for detector in files.detectors.values()
            for feature in _features_used(files, detector.message, name)
        }
        names = [feature.name for feature in view.message.features]
        if spare := [feature for feature in names if feature not in used]:
            where = f"features[{names.index(spare[0])}]"
            yield hint_at(view, where, "unused", f"no detector uses {listed(spare)}")
    yield from _unused_wholes(files)


def careless_definitions(source: Located[Source]) -> Iterator[Hint]:
    """Patterns that match anywhere in a line; fields that look personal and do not say so."""
    message = source.message
    for field in ("pattern", "record_start"):
        pattern = getattr(message, field)
        if pattern and not pattern.startswith(_ANCHORS):
            text = "matches anywhere in a line, and tries at every place: begin it with ^"
            yield hint_at(source, field, "anchor", text)
    for number, field in enumerate(message.fields):
        if field.data_type != "VARCHAR" or field.personal_data != NOT_PERSONAL:
            continue
        if kind := _PERSONAL.get(personal_data_of(field.name)):
            text = f"{field.name} sounds like personal_data: {kind}; privacy policies pass it by"
            yield hint_at(source, f"fields[{number}].name", "personal", text)


def _fields_read(files: CatalogFiles, source: str) -> set[str] | None:
    """The fields of a source that its views read; None when it has no view."""
    views = [v.message for v in files.feature_views.values() if v.message.source == source]
    if not views:
        return None
    read: set[str] = set()
    for view in views:
        read |= set(entity_columns(view))
        for feature in view.features:
            read |= parse_expression(feature.definition).columns
    return read


def _unused_fields(source: Located[Source], read: set[str] | None) -> Iterator[Hint]:
    message = source.message
    if read is None:
        return
    kept = {*read, message.event_time, message.message}
    names = [field.name for field in message.fields]
    spare = [f.name for f in message.fields if f.name not in kept and not f.required]
    if spare:
        where = f"fields[{names.index(spare[0])}]"
        text = f"no feature view reads {listed(spare)}; queries still can"
        yield hint_at(source, where, "unused", text)


def _unused_groups(source: Located[Source]) -> Iterator[Hint]:
    message = source.message
    if message.format != LINE:
        return
    used = {raw for field in message.fields for raw in field.index} | set(message.accept.index)
    groups = group_names(message.pattern)
    if spare := [name for name in groups if name and name not in used]:
        text = f"no field uses {listed(spare)}: write (?:…) instead of (?P<…>…)"
        yield hint_at(source, "pattern", "unused", text)
    if unnamed := groups.count(None):
        text = f"{unnamed} groups have no name and cost time: write (?:…)"
        yield hint_at(source, "pattern", "cost", text)


def _unused_wholes(files: CatalogFiles) -> Iterator[Hint]:
    views = {view.message.source for view in files.feature_views.values()}
    detectors = [detector.message for detector in files.detectors.values()]
    golden = {dataset.message.feature_view for dataset in files.golden_datasets.values()}
    golden |= {slow.view for detector in detectors for slow in detector.slow}
    trained = {detector.golden_dataset for detector in detectors}
    environments = [environment.message for environment in files.environments.values()]
    landing = {name for environment in environments for name in environment.sources}
    serviced = {name for environment in environments for name in environment.detectors}
    for things, used, text in (
        (files.sources, views, "read by no feature view; what they parse serves queries"),
        (files.sources, landing, "of no environment: nothing can be landed"),
        (files.feature_views, golden, "of no golden dataset"),
        (files.golden_datasets, trained, "of no detector"),
        (files.detectors, serviced, "of no environment: nobody gets their alerts"),
    ):
        yield from _unused_whole(things, used, text)


def _unused_whole(
    things: Mapping[str, Located[Any]], used: Iterable[str], text: str
) -> Iterator[Hint]:
    """One hint for all of a kind: a site need not use all that a catalog offers."""
    spare = sorted(things.keys() - set(used))
    if not spare:
        return
    if len(spare) == 1:
        singular = text.replace("what they parse", "what it parses").replace("their", "its")
        yield hint_at(things[spare[0]], "name", "unused", singular)
        return
    directory: Path = things[spare[0]].file.parent
    yield Hint(directory, 0, "name", "unused", f"{text}: {listed(spare)}")


def _features_used(files: CatalogFiles, detector: Detector, view: str) -> Iterator[str]:
    """The features of a view that a detector uses."""
    if _view_of(files, detector.golden_dataset) == view:
        yield from detector.features
    for slow in detector.slow:
        if slow.view == view:
            yield from slow.features


def _view_of(files: CatalogFiles, dataset: str) -> str:
    return files.golden_datasets[dataset].message.feature_view
