"""Personal data of parsed rows, treated before anything is stored.

The environment's policy says what happens to addresses, users and hosts; the source's definition
says which fields hold them. Fields are treated by distinct value. Free text (the source's message,
fields marked FREE_TEXT, the raw lines of rejects) is searched for the same, and gets the very same
pseudonyms. `key_id` names the key of a row, `raw_hash` becomes a keyed hash: nobody can guess a
line and look whether it is there.

The key is that of the event's UTC day or hour. The clock of a log is hostile input, and keys are
files: an event whose time is far from the day on which its file landed, and a reject, is treated
with the key of that day. So a day's files need at most `days back + 2` days of keys.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from whetstone.catalog.catalog_pb2 import (
    ADDRESS,
    FREE_TEXT,
    HOST,
    HOUR,
    NOT_PERSONAL,
    USER,
    Environment,
    KeyPeriod,
    PersonalData,
    Privacy,
    Source,
)
from whetstone.parsing.compile import SKIPPED
from whetstone.privacy.addresses import are_addresses
from whetstone.privacy.keys import KeyStore
from whetstone.privacy.text import Own, Texts
from whetstone.privacy.treatment import REDACTED, Treated, keyed_hashes, treatments

DAYS_BACK: Mapping[KeyPeriod, int] = {KeyPeriod.DAY: 366, KeyPeriod.HOUR: 31}
_VALUES = (ADDRESS, USER, HOST)
# `<environment>/<source>/<day>/<file>`
_LANDED = re.compile(r"/(\d{4}-\d\d-\d\d)/[^/]*$")
_REJECT_REASON, _REJECT_LINE = "_reject_reason", "_reject_line"
_NO_KEY = bytes(16)
# Elements of a list beyond these are no words to look for in text.
_OWN_OF_A_LIST = 16


class Protection:
    """Treats rows by the policies of their environments; one object a run.

    Args:
        environments: the definitions of the environments.
        keys: where the environments' keys are.
    """

    def __init__(self, environments: Iterable[Environment], keys: KeyStore):
        self._policies = policies(environments)
        self._keys = keys
        self._treated: dict[tuple[str, str], tuple[str, Treated]] = {}

    @property
    def environments(self) -> frozenset[str]:
        """The environments that have a policy."""
        return frozenset(self._policies)

    def protect(self, table: pa.Table, source: Source) -> pa.Table:
        """Rows as `parse_sql` gives them, rejects among them, with personal data treated.

        Order, columns and types stay. Lines of events are emptied: only rejects keep theirs.
        """
        parts: list[pa.Table] = []
        order: list[NDArray[np.intp]] = []
        environments = np.asarray(table["environment"].to_numpy(zero_copy_only=False), object)
        untouched = ~np.isin(environments, list(self._policies))
        if untouched.all():
            return table
        if untouched.any():
            order.append(np.flatnonzero(untouched))
            parts.append(table.take(pa.array(order[-1])))
        for environment, policy in self._policies.items():
            rows = np.flatnonzero(environments == environment)
            if not len(rows):
                continue
            chosen = table if len(rows) == table.num_rows else table.take(pa.array(rows))
            for period, places in periods(chosen, source, policy.key_period):
                key_id, treated = self._treatment(environment, period)
                group = chosen if len(places) == len(rows) else chosen.take(pa.array(places))
                order.append(rows[places])
                parts.append(_protected(group, source, treated, key_id))
        if len(parts) == 1:
            return parts[0]
        back = np.argsort(np.concatenate(order), kind="stable")
        return pa.concat_tables(parts).take(pa.array(back))

    def _treatment(self, environment: str, period: str) -> tuple[str, Treated]:
        if (environment, period) not in self._treated:
            key = self._keys.key(environment, period)
            treated = Treated(self._policies[environment], key)
            # The id stays when the key is gone: one sees which key it would take.
            self._treated[environment, period] = (
                key.id if key else f"{environment}/{period}",
                treated,
            )
        return self._treated[environment, period]


def policies(environments: Iterable[Environment]) -> dict[str, Privacy]:
    """The policies of the environments that do not keep everything, by name."""
    return {
        environment.name: environment.privacy
        for environment in environments
        if treatments(environment.privacy)
    }


def periods(
    table: pa.Table, source: Source, key_period: KeyPeriod
) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """The key periods of rows, each with the places of its rows."""
    landed = _landed_days(table)
    times = table[source.event_time].cast(pa.timestamp("us")).to_numpy(zero_copy_only=False)
    times = times.astype("datetime64[us]")
    days = times.astype("datetime64[D]")
    rejected = table[_REJECT_REASON].is_valid().to_numpy(zero_copy_only=False)
    earliest = landed - np.timedelta64(DAYS_BACK[key_period], "D")
    latest = landed + np.timedelta64(1, "D")
    usable = ~np.isnat(times) & ~rejected & (days >= earliest) & (days <= latest)
    unit = "datetime64[h]" if key_period == HOUR else "datetime64[D]"
    of_rows = np.where(usable, times.astype(unit), landed.astype(unit))
    found, inverse = np.unique(of_rows, return_inverse=True)
    if len(found) == 1:
        yield str(found[0]), np.arange(len(of_rows))
        return
    for number, period in enumerate(found):
        yield str(period), np.flatnonzero(inverse == number)


def period_of(policy: Privacy, at: datetime) -> str:
    """The key period of an instant (naive: UTC)."""
    return f"{at:%Y-%m-%dT%H}" if policy.key_period == HOUR else f"{at:%Y-%m-%d}"


def _landed_days(table: pa.Table) -> NDArray[np.datetime64]:
    """The day on which each row's file landed; files from elsewhere: today."""
    files = table["raw_file"].combine_chunks().dictionary_encode()
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    days: list[np.datetime64] = []
    for name in files.dictionary.to_pylist():
        found = _LANDED.search(name or "")
        try:
            days.append(np.datetime64(found[1] if found else today, "D"))
        except ValueError:
            days.append(np.datetime64(today, "D"))
    return np.array(days, "datetime64[D]")[files.indices.to_numpy(zero_copy_only=False)]


def _protected(table: pa.Table, source: Source, treated: Treated, key_id: str) -> pa.Table:
    own = list(_own_values(table, source, treated))
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    for field in source.fields:
        column = columns[field.name]
        if field.personal_data in _VALUES:
            columns[field.name] = _values(column, field.personal_data, treated)
        elif is_text(field.name, field.personal_data, source):
            columns[field.name] = _text(column, own, treated)
    rejected = pc.fill_null(pc.not_equal(columns[_REJECT_REASON], SKIPPED), False)
    lines = pc.if_else(rejected, columns[_REJECT_LINE], pa.scalar(None, pa.string()))
    columns[_REJECT_LINE] = _text(lines, own, treated)
    columns["raw_hash"] = _hashes(columns, treated)
    columns["key_id"] = pa.repeat(key_id, table.num_rows)
    return pa.table(
        [columns[field.name].cast(field.type) for field in table.schema], schema=table.schema
    )


def is_text(name: str, personal_data: PersonalData, source: Source) -> bool:
    """Whether a field is free text: marked so, or the source's message."""
    return personal_data == FREE_TEXT or (name == source.message and personal_data == NOT_PERSONAL)


def _values(column: pa.Array, kind: PersonalData, treated: Treated) -> pa.Array:
    if pa.types.is_list(column.type):
        values = _values(column.values, kind, treated)
        return pa.ListArray.from_arrays(column.offsets, values, mask=column.is_null())
    if not _is_string(column.type):
        # There is no pseudonym of a number or a structure.
        kept = kind not in treated.kinds
        return column if kept else pa.nulls(len(column), column.type)
    distinct = column.cast(pa.string()).dictionary_encode()
    return treated.values(kind, distinct.dictionary).take(distinct.indices)


def _text(column: pa.Array, own: list[Own], treated: Treated) -> pa.Array:
    if pa.types.is_list(column.type):
        parents = pc.list_parent_indices(column).to_pylist()
        own_of_parts = [Own(o.kind, [o.values[row] for row in parents]) for o in own]
        values = _text(column.flatten(), own_of_parts, treated)
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), values, mask=column.is_null())
    if not _is_string(column.type):
        return pa.nulls(len(column), column.type)
    column = column.cast(pa.string())
    if treated.pseudonyms is None:
        return pc.if_else(column.is_valid(), REDACTED, pa.scalar(None, pa.string()))
    texts = Texts(column)
    found = texts.find(treated.kinds, own)
    if not found:
        return column
    instead: dict[tuple[PersonalData, str], str] = {}
    for kind in _VALUES:
        values = list({item.value for item in found if item.kind == kind})
        replaced = zip(values, treated.in_text(kind, values), strict=True)
        instead.update(((kind, value), text) for value, text in replaced)
    return pc.if_else(
        column.is_valid(),
        pa.array(texts.replaced(found, instead), pa.string()),
        pa.scalar(None, pa.string()),
    )


def _own_values(table: pa.Table, source: Source, treated: Treated) -> Iterator[Own]:
    """What the records' fields call users, hosts or, where it is none, address."""
    for field in source.fields:
        kind, column = field.personal_data, table[field.name]
        if kind not in _VALUES or kind not in treated.kinds:
            continue
        if _is_string(column.type):
            yield Own(kind, _words(column.combine_chunks(), kind).to_pylist())
        elif pa.types.is_list(column.type) and _is_string(column.type.value_type):
            lists = [row or () for row in column.to_pylist()]
            for place in range(min(max(map(len, lists), default=0), _OWN_OF_A_LIST)):
                values = [row[place] if place < len(row) else None for row in lists]
                yield Own(kind, _words(pa.array(values, pa.string()), kind).to_pylist())


def _words(values: pa.Array, kind: PersonalData) -> pa.Array:
    """The values that are to be looked for; addresses are found in any text."""
    if kind != ADDRESS:
        return values
    return pc.if_else(are_addresses(values.cast(pa.string())), pa.scalar(None, values.type), values)


def _hashes(columns: Mapping[str, Any], treated: Treated) -> pa.Array:
    if treated.pseudonyms is not None:
        hashes = columns["raw_hash"].fill_null(0).to_numpy(zero_copy_only=False)
        return pa.array(treated.pseudonyms.of_hashes(hashes.astype(np.int64)))
    # No key: a hash of where the line stands says nothing of what is in it.
    files = columns["raw_file"].dictionary_encode()
    salts = [
        int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])
        for name in files.dictionary.to_pylist()
    ]
    places = np.array(salts, np.int64)[files.indices.to_numpy(zero_copy_only=False)]
    numbers = columns["raw_line"].to_numpy(zero_copy_only=False).astype(np.int64)
    return pa.array(keyed_hashes(_NO_KEY, places ^ numbers))


def _is_string(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)
