"""Hashes of what definitions mean: the code versions of the assets that are made from them.

Words for people (comments, white space, `display_name`, `description`, owners, tags, samples) never
enter a hash, nor does what decides when something is made or judged; expressions enter by their
parse tree.
"""

import hashlib
from collections.abc import Iterable

from google.protobuf.message import Message

from whetstone.catalog.catalog_pb2 import Detector, Expression, Feature, FeatureView, Field, Source
from whetstone.catalog.expressions import parse_expression
from whetstone.catalog.templated import reads_templates
from whetstone.catalog.units import entity_columns

_FOR_PEOPLE = ("display_name", "description", "owners", "tags", "samples", "max_reject_rate")
# What decides when something is made or judged, and not what is made.
_POLICIES = ("drift", "cadence", "canaries", "gate", "max_contributor_share", "assets")


def source_hash(source: Source, fields: Iterable[str] | None = None) -> str:
    """What parsing a source means; with `fields`, only as far as those fields are concerned."""
    wanted = None if fields is None else {*fields, source.event_time}
    return _hash(
        "source",
        source.format,
        source.pattern,
        source.record_start,
        source.header,
        _expression(source.accept) if source.HasField("accept") else "",
        *(
            part
            for field in sorted(source.fields, key=lambda f: f.name)
            if wanted is None or field.name in wanted or field.required
            for part in _field(field)
        ),
    )


def view_hash(view: FeatureView, features: Iterable[str] | None = None) -> str:
    """What computing a view means; with `features`, only as far as those are concerned."""
    wanted = None if features is None else set(features)
    return _hash(
        "view",
        view.source,
        view.WhichOneof("unit"),
        view.window.every,
        *entity_columns(view),
        *(
            part
            for feature in sorted(view.features, key=lambda f: f.name)
            if wanted is None or feature.name in wanted
            for part in _feature(feature)
        ),
    )


def used_hash(
    source: Source, view: FeatureView, detector: Detector, views: Iterable[FeatureView] = ()
) -> str:
    """What a detector uses of its source and views: its features and the fields that they read.

    `views` are where its slow features are looked up.
    """
    own = features_hash(source, view, detector.features)
    by_name = {each.name: each for each in views}
    slow = [features_hash(source, by_name[s.view], s.features) for s in detector.slow]
    return _hash(own, *slow) if slow else own


def features_hash(source: Source, view: FeatureView, features: Iterable[str]) -> str:
    """What some features of a view mean, with the fields of events that they read."""
    wanted = set(features)
    fields = set(entity_columns(view))
    for feature in view.features:
        if feature.name in wanted:
            fields |= parse_expression(feature.definition).columns
    if reads_templates(source, view, wanted):
        fields.add(source.message)
    return _hash(source_hash(source, fields), view_hash(view, wanted))


def message_field_hash(source: Source) -> str:
    """What the message of a source means: what its templates are mined from."""
    return _hash(source.message, source_hash(source, [source.message]))


def message_hash(message: Message) -> str:
    """A message without its words for people and its policies."""
    bare = meaning_of(message).SerializeToString(deterministic=True)
    return hashlib.sha256(bare).hexdigest()[:16]


def meaning_of(message: Message) -> Message:
    """A copy of a message without its words for people and its policies."""
    copy = type(message)()
    copy.CopyFrom(message)
    for name in (*_FOR_PEOPLE, *_POLICIES):
        if name in copy.DESCRIPTOR.fields_by_name:
            copy.ClearField(name)
    return copy


def _feature(feature: Feature) -> tuple[str, ...]:
    return feature.name, feature.data_type, parse_expression(feature.definition).fingerprint


def _field(field: Field) -> tuple[object, ...]:
    required, personal = field.required, field.personal_data
    return field.name, field.data_type, required, personal, _expression(field)


def _expression(part: Expression | Field) -> str:
    return _hash(*part.index, parse_expression(part.definition).fingerprint)


def _hash(*parts: object) -> str:
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
