"""Dagster resources: what assets work with."""

from resources.stores import (
    CaseStoreResource,
    FeatureStoreResource,
    LakeResource,
    ReleaseRepositoryResource,
    WarehouseResource,
)

__all__ = [
    "CaseStoreResource",
    "FeatureStoreResource",
    "LakeResource",
    "ReleaseRepositoryResource",
    "WarehouseResource",
]
