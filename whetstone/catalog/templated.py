"""Which feature views read the templates of messages."""

from collections.abc import Iterable

from whetstone.catalog.catalog_pb2 import FeatureView, Source
from whetstone.catalog.expressions import parse_expression

TEMPLATE = "template"
"""The column with the id of the message's template, for features of sources with a message."""


def has_templates(source: Source) -> bool:
    """Whether the messages of a source have templates.

    A source with a field of its own called `template` means that one.
    """
    return bool(source.message) and all(field.name != TEMPLATE for field in source.fields)


def reads_templates(
    source: Source, view: FeatureView, features: Iterable[str] | None = None
) -> bool:
    """Whether features of a view (None: any of them) read the templates of its source."""
    wanted = None if features is None else set(features)
    return has_templates(source) and any(
        TEMPLATE in parse_expression(feature.definition).columns
        for feature in view.features
        if wanted is None or feature.name in wanted
    )
