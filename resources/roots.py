"""The versions of what people and sensors feed: raw files, contributions, verdicts, triggers."""

from collections.abc import Iterable

from triage import CaseStore
from whetstone.catalog import Catalog
from whetstone.contributions import contributions, contributions_version
from whetstone.landing import landed_version, landed_versions
from whetstone.quarantine import quarantined_contributors
from whetstone.settings import Settings
from whetstone.versions import Roots


def read_roots(catalog: Catalog, settings: Settings, cases: CaseStore) -> Roots:
    """The roots of the asset graph as they are now."""
    names = [
        *(f"landing/{source}" for source in catalog.sources),
        *(f"{kind}/{d}" for d in catalog.golden_datasets for kind in ("contributions", "verdicts")),
        *(f"{kind}/{d}" for d in catalog.detectors for kind in ("triggers", "shadow")),
    ]
    return Roots({name: read_root(name, catalog, settings, cases) for name in names})


def read_root(
    root: str,
    catalog: Catalog,
    settings: Settings,
    cases: CaseStore,
    days: Iterable[str] | None = None,
) -> dict[str | None, str]:
    """The versions of one root by day, of `days` only where they are given."""
    kind, _, name = root.partition("/")
    match kind:
        case "landing":
            zones = time_zones(catalog)
            if days is None:
                return {**landed_versions(settings.landing, name, zones)}
            return {day: landed_version(settings.landing, name, day, zones) for day in days}
        case "contributions":
            accepted = contributions(settings.contributions, name)
            return {None: contributions_version(accepted)} if accepted else {}
        case "triggers":
            return {None: cases.trigger_fingerprint([name])}
        case "shadow":
            return {None: cases.newest_shadow_day(name)}
        case _:
            distrusted = quarantined_contributors(settings.contributions, name)
            return {None: cases.verdict_fingerprint(detectors_of(catalog, name), distrusted)}


def time_zones(catalog: Catalog) -> dict[str, str]:
    """The time zones of environments, by name, as far as they are given."""
    return {e.name: e.time_zone for e in catalog.environments.values() if e.time_zone}


def detectors_of(catalog: Catalog, dataset: str) -> list[str]:
    """The detectors that are trained on a golden dataset."""
    return [d.name for d in catalog.detectors.values() if d.golden_dataset == dataset]
