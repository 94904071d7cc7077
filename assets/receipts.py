"""What is made from verdicts is written down, so that their receipts can tell of it."""

from assets.factory import Factory, Work
from resources.roots import detectors_of
from triage.judging.progress import note_progress


def note(factory: Factory, work: Work, dataset: str) -> None:
    """Write down how far a golden dataset and the detectors that learn from it have come."""
    learners = detectors_of(factory.catalog, dataset)
    with work.stores.cases.open() as cases:
        note_progress(cases.database, work.stores.lake, dataset, learners)
