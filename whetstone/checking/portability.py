"""Definitions that mean something else on Spark, or nothing."""

from collections.abc import Iterator
from typing import Any

from whetstone.catalog.loading import CatalogFiles
from whetstone.catalog.textproto import Located
from whetstone.spark.portable import portability_problems


def unportable(files: CatalogFiles) -> Iterator[tuple[Located[Any], str, str]]:
    """Where a definition uses what Spark has not: the file, the field, and why."""
    for source in files.sources.values():
        message = source.message
        definitions = {f"fields[{n}]": field.definition for n, field in enumerate(message.fields)}
        if message.HasField("accept"):
            definitions["accept"] = message.accept.definition
        yield from _problems(source, definitions)
    for view in files.feature_views.values():
        features = view.message.features
        definitions = {f"features[{n}]": feature.definition for n, feature in enumerate(features)}
        yield from _problems(view, definitions)


def _problems(
    located: Located[Any], definitions: dict[str, str]
) -> Iterator[tuple[Located[Any], str, str]]:
    for path, definition in definitions.items():
        for problem in portability_problems(definition):
            yield located, f"{path}.definition", problem
