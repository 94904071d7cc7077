"""Learning from few verdicts: which units to ask about, and what a random slice of alerts says.

`selection` and `precision` are pure; `asking`, `probes` and `slices` are their stores.
"""

from triage.learning.asking import Asked, Asking
from triage.learning.precision import SlicePrecision
from triage.learning.probes import NEAR, Probes, probes_among
from triage.learning.slices import Slices

__all__ = ["NEAR", "Asked", "Asking", "Probes", "SlicePrecision", "Slices", "probes_among"]
