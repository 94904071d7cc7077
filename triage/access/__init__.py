"""Who may do what: principals and their permissions, checked before a request is served."""

from triage.access.bodies import MOST_BODY_BYTES
from triage.access.csrf import not_forged
from triage.access.entrance import LOOPBACK, Entrance, OfEntrance
from triage.access.guard import Guard, refused, too_often
from triage.access.principal import (
    EVERYWHERE,
    LOCAL,
    PERMISSIONS,
    Permission,
    Principal,
    Role,
    needs,
    scorer_of,
)
from triage.access.scorer_tokens import Tokens

__all__ = [
    "EVERYWHERE",
    "LOCAL",
    "LOOPBACK",
    "MOST_BODY_BYTES",
    "PERMISSIONS",
    "Entrance",
    "Guard",
    "OfEntrance",
    "Permission",
    "Principal",
    "Role",
    "Tokens",
    "needs",
    "not_forged",
    "refused",
    "scorer_of",
    "too_often",
]
