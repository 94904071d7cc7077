"""What called for retrainings last, in words."""

from collections.abc import Iterable

from triage import CaseStore


def triggers_of(cases: CaseStore, detectors: Iterable[str]) -> dict[str, str]:
    """The newest trigger of each detector that has one."""
    found = {name: cases.triggers(name, limit=1) for name in detectors}
    return {
        name: f"{trigger.kind}: {trigger.reason} ({trigger.by})"
        for name, newest in found.items()
        for trigger in newest
    }
