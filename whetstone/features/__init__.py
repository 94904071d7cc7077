"""From events to features of units."""

from whetstone.features.compile import (
    features_sql,
    present_sql,
    selected_features,
    unit_sql,
)

__all__ = ["features_sql", "present_sql", "selected_features", "unit_sql"]
