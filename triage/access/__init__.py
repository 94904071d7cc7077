"""Who may do what: principals and their permissions, checked before a request is served."""

from triage.access.guard import LOOPBACK, MOST_BODY_BYTES, Guard, Tokens, refused
from triage.access.principal import (
    EVERYWHERE,
    LOCAL,
    Permission,
    Principal,
    Role,
    needs,
    scorer_of,
)

__all__ = [
    "EVERYWHERE",
    "LOCAL",
    "LOOPBACK",
    "MOST_BODY_BYTES",
    "Guard",
    "Permission",
    "Principal",
    "Role",
    "Tokens",
    "needs",
    "refused",
    "scorer_of",
]
