"""How far contributors are trusted: a cap on each one's verdicts, and a guard that finds culprits.

What comes from people may be wrong on purpose. `capped` bounds what one of them can do to a
training set; `investigate` trains without what is new when a challenger got worse, until the
smallest set of contributions is found without which it would not have.
"""

from detectors.trust.caps import DEFAULT_SHARE, capped
from detectors.trust.guard import Investigation, Trial, investigate
from detectors.trust.origins import new_origins, origins_known, suspects_of

__all__ = [
    "DEFAULT_SHARE",
    "Investigation",
    "Trial",
    "capped",
    "investigate",
    "new_origins",
    "origins_known",
    "suspects_of",
]
