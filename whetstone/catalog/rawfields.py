"""Raw fields: those of a source, and those whose names do not depend on what a record says."""

from whetstone.catalog.catalog_pb2 import Source

DAY = "@day"  # the day the file was landed on
TIME_ZONE = "@time_zone"  # IANA name of the environment's zone
RECORD = "@record"  # the text of the record, all of it
EVERYWHERE = frozenset((DAY, TIME_ZONE, RECORD))

SYSLOG = ("priority", "time", "host", "program", "pid", "message_id", "structured_data", "message")
SYSLOG_FIELDS = frozenset(SYSLOG)
# KEY_VALUE: what stands before the first pair, and what of it is syslog's.
PREFIX = "@prefix"
PREFIX_FIELDS = {"@time": "time", "@host": "host", "@program": "program", "@pid": "pid"}


def raw_fields(source: Source) -> list[str]:
    """The raw fields that the definitions of a source name, each once, in order.

    Those that every format has (`@day` ...) are not among them.
    """
    used = [*source.accept.index, *(raw for field in source.fields for raw in field.index)]
    return list(dict.fromkeys(raw for raw in used if raw not in EVERYWHERE))
