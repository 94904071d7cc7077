"""What a change of definitions does: to a sample of real raw lines, and to the asset graph."""

from whetstone.comparing import report
from whetstone.comparing.catalogs import other_catalog
from whetstone.comparing.run import Comparison, compare, sources_to_sample
from whetstone.comparing.samples import file_sample, take_samples

__all__ = [
    "Comparison",
    "compare",
    "file_sample",
    "other_catalog",
    "report",
    "sources_to_sample",
    "take_samples",
]
