"""Templates of free-text messages: mined, frozen in a dictionary, applied by a join.

The workflow: messages are masked in DuckDB (`templates_masks`), the few hundred distinct masks are
clustered (`templates_clusters`), and the dictionary remembers the template of each. In production
it stands still: a message whose mask it knows has that template for ever; one whose mask is new
fits an existing template or has none ('unknown template') until the next mining, which only adds.
No line is touched in Python.

A template's id is a hash of its text, so ids never shift.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field, replace
from functools import cached_property

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ValidationError

from whetstone.catalog.catalog_pb2 import Source
from whetstone.catalog.validation import MESSAGE_KEY
from whetstone.engine import open_engine
from whetstone.errors import InputError
from whetstone.parsing.templates_clusters import (
    cluster,
    constant_words,
    covers,
    specific,
    without_repetition,
)
from whetstone.parsing.templates_masks import MASKING, Masking
from whetstone.sql import identifier

MOST_MASKS = 50_000
"""A dictionary learns no more masks in one mining; the rarest are left out."""

_ID_LENGTH = 12
_ENOUGH_WORDS = 2
_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_TABLE = pa.schema([("mask", pa.string()), ("template", pa.string())])


def template_id(text: str) -> str:
    """The id of a template: a hash of its text."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:_ID_LENGTH]


@dataclass(frozen=True)
class TemplateDictionary:
    """Templates and the masks they were found in. Grows by `extended`, never else.

    Attributes:
        masks: template text by mask.
        minings: how often it has grown, or could have.
        masking: how messages are masked, for as long as the dictionary lives.
    """

    masks: Mapping[str, str] = field(default_factory=dict[str, str])
    minings: int = 0
    masking: Masking = MASKING

    @cached_property
    def templates(self) -> dict[str, str]:
        """Template texts by id."""
        return {template_id(text): text for text in sorted(set(self.masks.values()))}

    @cached_property
    def version(self) -> str:
        """Hash of the content: equal dictionaries give equal templates."""
        content = [sorted(self.masks.items()), astuple(self.masking)]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    def match(self, mask: str) -> str | None:
        """The template of a mask: its own, or the most specific that it fits."""
        if (known := self.masks.get(mask)) is not None:
            return known
        if (listed := self._lists.get(without_repetition(mask))) is not None:
            return listed
        chunks = mask.split(" ")
        fits = {
            template
            for place in enumerate(chunks)
            for template in self._by_word.get((len(chunks), *place), ())
            if all(map(covers, template.split(" "), chunks))
        }
        return min(fits, key=specific, default=None)

    def extended(self, masks: Iterable[str]) -> "TemplateDictionary":
        """The dictionary after mining: what was known stays; what fits nothing makes templates."""
        found = dict(self.masks)
        new: list[str] = []
        for mask in sorted(set(masks) - found.keys()):
            fitting = self.match(mask)
            if fitting is None:
                new.append(mask)
            else:
                found[mask] = fitting
        return replace(self, masks=found | cluster(new), minings=self.minings + 1)

    def to_json(self) -> str:
        """The file form; `from_json` is its inverse."""
        form = _FileForm(
            minings=self.minings,
            digits=list(self.masking.digits),
            others=list(self.masking.others),
            masks=dict(self.masks),
        )
        return form.model_dump_json(indent=1)

    @staticmethod
    def from_json(text: str | bytes) -> "TemplateDictionary":
        """A dictionary from its file form, which may come from anybody.

        Raises:
            InputError: it is not one.
        """
        try:
            form = _FileForm.model_validate_json(text)
        except ValidationError as error:
            what = "; ".join(f"{each['loc']}: {each['msg']}" for each in error.errors()[:3])
            raise InputError(f"no template dictionary: {what}; mine the templates anew") from error
        masking = Masking(tuple(form.digits), tuple(form.others))
        return TemplateDictionary(form.masks, form.minings, masking)

    @cached_property
    def _lists(self) -> dict[str, str]:
        """Templates by their text with every list reduced."""
        return {without_repetition(text): text for text in self.templates.values()}

    @cached_property
    def _by_word(self) -> dict[tuple[int, int, str], list[str]]:
        """Templates by their length and a constant word with its place, the rarest that it has."""
        words = {
            text: [(len(chunks), *word) for word in constant_words(chunks)]
            for text in self.templates.values()
            for chunks in [text.split(" ")]
        }
        frequency = Counter(word for of_one in words.values() for word in of_one)
        found: dict[tuple[int, int, str], list[str]] = defaultdict(list)
        for text, of_one in words.items():
            if len(of_one) >= _ENOUGH_WORDS:
                found[min(of_one, key=frequency.__getitem__)].append(text)
        return found


class _FileForm(BaseModel, extra="forbid", strict=True):
    minings: int
    digits: list[str]
    others: list[tuple[str, str]]
    masks: dict[str, str]


@dataclass(frozen=True)
class Templating:
    """How the events of a source get their templates.

    Attributes:
        message: the field with the message.
        dictionary: what is known.
    """

    message: str
    dictionary: TemplateDictionary


@dataclass(frozen=True)
class Templated:
    """Events with templates.

    Attributes:
        relation: SQL: the events with the column `template`, NULL where it is unknown.
        messages: how many events have a message.
        unknown: how many of the messages have no template.
    """

    relation: str
    messages: int
    unknown: int

    @property
    def unknown_share(self) -> float:
        """Of the messages, how many have no template."""
        return self.unknown / self.messages if self.messages else 0.0


def mine(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    message: str,
    known: TemplateDictionary | None = None,
) -> TemplateDictionary:
    """Mine the templates of all messages of a relation.

    Args:
        connection: any engine that can read the relation.
        relation: SQL of the relation.
        message: name of the column with the message; NULL has no template.
        known: what the dictionary grows from.
    """
    begun = known or TemplateDictionary()
    return begun.extended(mask_counts(connection, relation, message, begun.masking))


def mask_counts(
    connection: duckdb.DuckDBPyConnection, relation: str, message: str, masking: Masking = MASKING
) -> dict[str, int]:
    """How many messages have each mask; of many masks, the most frequent `MOST_MASKS`."""
    rows = connection.execute(
        f"""SELECT mask, sum(messages)::BIGINT AS messages
            FROM ({_keys(connection, relation, message, masking)})
            GROUP BY mask ORDER BY messages DESC, mask LIMIT {MOST_MASKS}"""
    ).fetchall()
    return dict(rows)


def with_templates(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    templating: Templating,
    table: str = "message_templates",
) -> Templated:
    """Join a dictionary to events; only distinct masks are looked at one by one.

    Args:
        connection: any engine that can read the relation.
        relation: SQL of the relation of events.
        templating: the message and the dictionary.
        table: name of the temporary table that is made; it has to live as long as the relation.
    """
    message, dictionary = templating.message, templating.dictionary
    keys, masking = identifier(f"{table}_keys"), dictionary.masking
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {keys} AS {_keys(connection, relation, message, masking)}"
    )
    rows = connection.execute(f"SELECT DISTINCT mask FROM {keys}").fetchall()
    masks = [mask for (mask,) in rows]
    texts = [dictionary.match(mask) for mask in masks]
    ids = [None if text is None else template_id(text) for text in texts]
    connection.register("template_of_mask", pa.table([masks, ids], schema=_TABLE))
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE {identifier(table)} AS
            SELECT key, messages, template FROM {keys} JOIN template_of_mask USING (mask)"""
    )
    connection.unregister("template_of_mask")
    connection.execute(f"DROP TABLE {keys}")
    ((messages, unknown),) = connection.execute(
        f"""SELECT coalesce(sum(messages), 0)::BIGINT,
                   coalesce(sum(messages) FILTER (template IS NULL), 0)::BIGINT
            FROM {identifier(table)}"""
    ).fetchall()
    key = _key(connection, relation, message, masking)
    joined = f"""(SELECT event.*, known.template FROM {relation} event
        LEFT JOIN {identifier(table)} known ON known.key = {key})"""
    return Templated(joined, messages, unknown)


def with_message_keys(parsed: pa.Table, source: Source) -> pa.Table:
    """Parsed rows with the column `message_key`, in front of those about rejects."""
    if not source.message:
        return parsed
    keys = message_keys(parsed[source.message].combine_chunks())
    at = parsed.column_names.index("_reject_reason")
    return parsed.add_column(at, MESSAGE_KEY, keys)


def message_keys(messages: pa.Array) -> pa.Array:
    """The keys of messages, as `Masking.key_sql` gives them; a dictionary array.

    No pattern tells one digit from another: messages that differ in their digits only are looked
    at once. Only where the key keeps a digit does it matter which.
    """
    digitless = _without_digits(messages).dictionary_encode()
    keys = _distinct_keys(digitless.dictionary)
    keeps_digits = pc.match_substring(keys, "0")
    if pc.call_function("any", [keeps_digits]).as_py():
        rows = keeps_digits.take(digitless.indices).fill_null(False)
        exact = messages.filter(rows).dictionary_encode()
        found = _distinct_keys(exact.dictionary).take(exact.indices)
        return pc.replace_with_mask(keys.take(digitless.indices), rows, found).dictionary_encode()
    distinct = keys.dictionary_encode()
    return pa.DictionaryArray.from_arrays(
        distinct.indices.take(digitless.indices), distinct.dictionary
    )


def _without_digits(texts: pa.Array) -> pa.Array:
    """Texts with every digit 0."""
    texts = texts.cast(pa.string())
    validity, offsets, data = texts.buffers()
    zeros = pa.py_buffer(memoryview(data).tobytes().translate(_ZEROS) if data else b"")
    return pa.StringArray.from_buffers(
        len(texts), offsets, zeros, validity, texts.null_count, texts.offset
    )


def _distinct_keys(texts: pa.Array) -> pa.Array:
    with open_engine() as connection:
        connection.register("texts", pa.table({"text": texts}))
        keys = connection.sql(f"SELECT {MASKING.key_sql('text')} AS key FROM texts")
        return keys.to_arrow_table()["key"].combine_chunks()


def _keys(
    connection: duckdb.DuckDBPyConnection, relation: str, message: str, masking: Masking
) -> str:
    """SQL: each distinct key with its mask and how many messages have it."""
    return f"""SELECT key, {masking.mask_sql("key")} AS mask, messages FROM (
        SELECT {_key(connection, relation, message, masking)} AS key, count(*) AS messages
        FROM {relation} event WHERE event.{identifier(message)} IS NOT NULL GROUP BY ALL)"""


def _key(
    connection: duckdb.DuckDBPyConnection, relation: str, message: str, masking: Masking
) -> str:
    """SQL of the key of an `event`: as it was parsed, unless the dictionary has other patterns."""
    parsed = MESSAGE_KEY in connection.sql(f"FROM {relation} LIMIT 0").columns
    if parsed and masking.digits == MASKING.digits:
        return f"event.{identifier(MESSAGE_KEY)}"
    return masking.key_sql(f"event.{identifier(message)}")
