"""The model card of the release that raised an alert."""

from triage.records import Alert
from whetstone.releases import Repository
from whetstone.settings import Settings


def card_of(settings: Settings, alert: Alert) -> str:
    """The card, Markdown, as signed with the release.

    Raises:
        NotReadyError: that version was never published here.
        ReleaseError: the repository is damaged.
    """
    repository = Repository(settings.releases)
    return repository.load(alert.detector, alert.model_version).model_card
