"""What the definitions call environments, detectors and techniques, for whoever may see them."""

from collections.abc import Mapping
from dataclasses import dataclass

from triage.access import Permission, Principal
from triage.definitions import definitions
from triage.desk import Desk
from whetstone.errors import CatalogError


@dataclass(frozen=True)
class Names:
    """Names and what people call them.

    Attributes:
        environments: name -> title, those that may be read.
        detectors: name -> title.
        techniques: detector -> the ATT&CK technique that it looks for.
        problem: why the definitions cannot be read now; then there are no names, and the pages
            show what the case store says.
    """

    environments: Mapping[str, str]
    detectors: Mapping[str, str]
    techniques: Mapping[str, str]
    problem: str = ""

    def of(self, technique: str) -> frozenset[str]:
        """The detectors that look for a technique."""
        return frozenset(name for name, found in self.techniques.items() if found == technique)


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
    )
