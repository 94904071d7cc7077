"""The definitions: what a detection engineer writes, loaded, validated and hashed."""

from whetstone.catalog.loading import Catalog, load_catalog

__all__ = ["Catalog", "load_catalog"]
