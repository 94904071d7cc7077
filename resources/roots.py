"""The versions of what people and sensors feed: raw files, contributions, verdicts."""

from triage import CaseStore
from whetstone.catalog import Catalog
from whetstone.contributions import contributions, contributions_version
from whetstone.landing import landed_days, landed_version
from whetstone.planning import Roots
from whetstone.settings import Settings


def read_roots(catalog: Catalog, settings: Settings, cases: CaseStore) -> Roots:
    """The roots of the asset graph as they are now."""
    versions: dict[str, dict[str | None, str]] = {}
    for source in catalog.sources:
        versions[f"landing/{source}"] = {
            day: landed_version(settings.landing, source, day)
            for day in landed_days(settings.landing, source)
        }
    for dataset in catalog.golden_datasets:
        accepted = contributions(settings.contributions, dataset)
        if accepted:
            versions[f"contributions/{dataset}"] = {None: contributions_version(accepted)}
        fingerprint = cases.verdict_fingerprint(detectors_of(catalog, dataset))
        versions[f"verdicts/{dataset}"] = {None: fingerprint}
    return Roots(versions)


def detectors_of(catalog: Catalog, dataset: str) -> list[str]:
    """The detectors that are trained on a golden dataset."""
    return [d.name for d in catalog.detectors.values() if d.golden_dataset == dataset]
