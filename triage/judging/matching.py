"""What an allow rule is, and which alerts it is about (pure)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from whetstone.errors import InputError

CHECKED = 20
"""Of so many alerts that a rule is about, one is shown all the same."""


class RuleState(StrEnum):
    """How a rule stands: proposed, in force until its end, suspended, or ended by somebody."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    SUSPENDED = "suspended"
    ENDED = "ended"


@dataclass(frozen=True)
class Rule:
    """What somebody expects to see for a time, so that it need not be read.

    Attributes:
        pattern: what the alerts look like (`Alert.pattern`); None: anything.
        entity: column of the entity -> value, or network such as `10.1.0.0/16`.
        reason: why it is expected.
        days: for how long it is asked for.
        until: its end, UTC; None before it is approved.
        reviewed_by: who approved it, or prolonged it last; `reviewed_at` when.
        stopped_by: who ended or suspended it; `stopped_at` when, `stopped_for` why.
    """

    rule_id: str
    environment: str
    detector: str
    pattern: str | None
    entity: Mapping[str, str]
    reason: str
    state: RuleState
    proposed_by: str
    proposed_at: datetime
    days: int
    until: datetime | None = None
    reviewed_by: str | None = None
    reviewed_at: datetime | None = None
    stopped_by: str | None = None
    stopped_at: datetime | None = None
    stopped_for: str | None = None

    def in_force(self, now: datetime) -> bool:
        """Whether it hides what comes in now."""
        return self.state is RuleState.APPROVED and self.until is not None and now < self.until

    def keeps_hidden(self) -> bool:
        """Whether what it hid stays hidden: unless something was wrong with it."""
        return self.state in (RuleState.APPROVED, RuleState.ENDED)

    def about(self, pattern: str | None, entity: Mapping[str, Any]) -> bool:
        """Whether it is about an alert of its environment and detector."""
        if self.pattern is not None and self.pattern != pattern:
            return False
        return all(
            name in entity and _covers(wanted, str(entity[name]))
            for name, wanted in self.entity.items()
        )

    def checks(self, alert_id: str) -> bool:
        """Whether an alert that it is about is shown all the same."""
        drawn = hashlib.sha256(f"{self.rule_id} {alert_id}".encode()).digest()
        return int.from_bytes(drawn[:8]) % CHECKED == 0


def checked_entity(entity: Mapping[Any, Any]) -> dict[str, str]:
    """The conditions on an entity, as they came from outside.

    Raises:
        InputError: a value is no text, or looks like a network and is none.
    """
    found: dict[str, str] = {}
    for name, value in entity.items():
        if not isinstance(name, str) or not isinstance(value, str) or not value.strip():
            raise InputError('entity: {"src_ip": "10.1.0.0/16"}, columns and values as text')
        found[name] = value.strip()
        if _is_address(value.partition("/")[0].strip()) and "/" in value:
            try:
                ip_network(value.strip())
            except ValueError as error:
                raise InputError(f"entity.{name}: {error}; write 10.1.0.0/16") from None
    return found


def _covers(wanted: str, value: str) -> bool:
    if wanted == value:
        return True
    network = _network(wanted)
    return network is not None and _is_address(value) and ip_address(value) in network


def _network(text: str) -> IPv4Network | IPv6Network | None:
    if "/" not in text:
        return None
    try:
        return ip_network(text)
    except ValueError:
        return None


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
