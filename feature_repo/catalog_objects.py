"""What the `feast` command finds: every object of the catalog as a name of this module."""

from feature_repo.objects import feast_objects
from whetstone.catalog import load_catalog
from whetstone.catalog.catalog_pb2 import Definitions
from whetstone.settings import settings

_CATALOG = load_catalog(settings().catalog)
_OBJECTS = feast_objects(
    Definitions(
        sources=_CATALOG.sources.values(),
        feature_views=_CATALOG.feature_views.values(),
        golden_datasets=_CATALOG.golden_datasets.values(),
        detectors=_CATALOG.detectors.values(),
    ),
    settings().lake,
)
globals().update({f"{type(thing).__name__}_{thing.name}": thing for thing in _OBJECTS})
