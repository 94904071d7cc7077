"""What Dagster loads: the asset graph of the catalog in force."""

from assets.platform import definitions, open_factory
from whetstone.settings import settings

defs = definitions(open_factory(settings()))
