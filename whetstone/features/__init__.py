"""From events to features of units."""

from whetstone.features.compile import features_sql

__all__ = ["features_sql"]
