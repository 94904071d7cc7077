"""What is wrong with a valid catalog, and what could be better: samples, waste, cost."""

from whetstone.checking.findings import Findings, Hint
from whetstone.checking.run import examine

__all__ = ["Findings", "Hint", "examine"]
