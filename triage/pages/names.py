"""What the definitions call environments, detectors, features and techniques, for whoever may see
them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from triage.access import Permission, Principal
from triage.definitions import definitions
from triage.desk import Desk
from triage.evidence.reasons import Reason, reasons_of
from triage.records import Alert
from whetstone.catalog import Catalog
from whetstone.catalog.catalog_pb2 import Feature
from whetstone.errors import CatalogError

_MOST_REASONS = 3
# What a part of a pattern's title begins with: `failures 16–31, users: root`.
_PART = re.compile(r"(?:^|(?<=, ))\w+(?=[ :])")


@dataclass(frozen=True)
class Names:
    """Names and what people call them.

    Attributes:
        environments: name -> title, those that may be read.
        detectors: name -> title.
        techniques: detector -> the ATT&CK technique that it looks for.
        catalog: the definitions.
        problem: why the definitions cannot be read now; then there are no names, and the pages
            show what the case store says.
    """

    environments: Mapping[str, str]
    detectors: Mapping[str, str]
    techniques: Mapping[str, str]
    catalog: Catalog | None = None
    problem: str = ""
    _features: dict[str, dict[str, Feature]] = field(
        default_factory=dict[str, dict[str, Feature]], compare=False
    )

    def of(self, technique: str) -> frozenset[str]:
        """The detectors that look for a technique."""
        return frozenset(name for name, found in self.techniques.items() if found == technique)

    def why(self, alert: Alert) -> str:
        """The weightiest parts of an alert's explanation: `Failed log-ins = 31, Hosts = 3`.

        It holds text of logs: escape it where it is shown.
        """
        known = self._features_of(alert.detector)
        return ", ".join(
            _in_words(reason, known.get(reason.feature))
            for reason in reasons_of(alert)[:_MOST_REASONS]
        )

    def look(self, detector: str, title: str) -> str:
        """What alerts look like, the title of a pattern, with features as people call them."""
        known = self._features_of(detector)

        def called(found: re.Match[str]) -> str:
            feature = known.get(found[0])
            return found[0] if feature is None else feature.display_name or found[0]

        return _PART.sub(called, title)

    def _features_of(self, detector: str) -> dict[str, Feature]:
        """The features that a detector may read; none where it is not defined."""
        if detector not in self._features:
            found = self.catalog.detectors.get(detector) if self.catalog else None
            if self.catalog is None or found is None:
                return {}
            view = self.catalog.view_of(self.catalog.golden_datasets[found.golden_dataset])
            self._features[detector] = {feature.name: feature for feature in view.features}
        return self._features[detector]


def names(desk: Desk, principal: Principal) -> Names:
    """The names as the catalog has them now."""
    try:
        catalog = definitions(desk.settings)
    except CatalogError as error:
        # Somebody edits it at this moment; the queue must not wait for that.
        return Names({}, {}, {}, problem=str(error))
    return Names(
        environments={
            name: found.display_name or name
            for name, found in catalog.environments.items()
            if principal.may(Permission.READ, name)
        },
        detectors={name: found.display_name or name for name, found in catalog.detectors.items()},
        techniques={
            name: catalog.golden_datasets[found.golden_dataset].technique
            for name, found in catalog.detectors.items()
        },
        catalog=catalog,
    )


def _in_words(reason: Reason, feature: Feature | None) -> str:
    title = (feature.display_name if feature else "") or reason.feature
    # Counted from 1, as on the alert's own page.
    place = "" if reason.position is None else f" at {reason.position + 1}"
    value = reason.value
    if feature and feature.data_type == "BOOLEAN" and value in (0, 1):
        shown = "yes" if value else "no"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        shown = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    else:
        shown = "none" if value is None else str(value)
    return f"{title}{place} = {shown}"
