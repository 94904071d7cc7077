"""Who is behind an alert of an environment whose entities are pseudonyms.

Asked with a reason only, and kept in the audit log before anything is known to whoever asks. The
command `whetstone privacy reidentify` and the alert's page both come here.
"""

from dataclasses import dataclass

from triage.records import Alert
from whetstone.audit import AuditLog
from whetstone.catalog import Catalog
from whetstone.catalog.validation import event_columns
from whetstone.errors import NotReadyError
from whetstone.lake import Lake
from whetstone.privacy import KeyStore
from whetstone.privacy.reidentify import Occurrence, Original, key_ids_of, originals
from whetstone.settings import Settings


@dataclass(frozen=True)
class Inquiry:
    """Who wants to know, and why; both go into the audit log."""

    who: str
    why: str


def look_behind(
    alert: Alert, inquiry: Inquiry, catalog: Catalog, settings: Settings
) -> list[Original]:
    """What the pseudonyms of an alert's entity stand for; at least one value is known.

    Raises:
        InputError: nobody or no reason is named, or the alert's source is not defined.
        NotReadyError: nothing can be traced back. That somebody asked stands in the log, too.
        StorageError: the audit log cannot be written; then nothing is shown.
    """
    source = catalog.source(alert.source)
    keys = KeyStore(settings.privacy_keys)
    # What scorers call a column may be anything.
    columns = event_columns(source)
    entity = {name: str(value) for name, value in alert.entity.items() if name in columns}
    seen = Occurrence(alert.environment, entity, alert.unit_start, alert.event_timestamp)
    key_ids = key_ids_of(Lake(settings.lake), source, seen, keys)
    known = originals(source, seen, key_ids, keys)
    revealed = [original.field for original in known if original.value is not None]
    details = {"alert": alert.alert_id, "environment": alert.environment, "key_ids": key_ids}
    log = AuditLog(settings.privacy_audit)
    log.append(inquiry.who, "reidentify", inquiry.why, {**details, "revealed": revealed})
    if not revealed:
        raise NotReadyError(
            f"nothing of alert {alert.alert_id} can be traced back: it bears no pseudonyms of"
            f" {alert.environment}, or their keys have been dropped"
        )
    return known
