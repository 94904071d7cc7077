"""The template dictionaries in the lake: one a source, mined again when its detectors retrain."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from whetstone.catalog.catalog_pb2 import FeatureView, Source
from whetstone.catalog.templated import reads_templates
from whetstone.engine import open_engine
from whetstone.errors import NotReadyError
from whetstone.lake import Content, Lake, Place, Staged
from whetstone.parsing.templates import (
    TemplateDictionary,
    Templating,
    mine,
    with_templates,
)
from whetstone.parsing.templates_masks import MASKING
from whetstone.sql import literal

DICTIONARY = "dictionary.json"
_DAYS = 30


@dataclass(frozen=True)
class Mined:
    """What a mining gave.

    Attributes:
        dictionary: the templates, those of earlier minings among them.
        content: the version of the dictionary; rows are templates.
        day: the newest day; None: no events yet.
        unknown_share: of that day's messages, how many had no template before the mining.
    """

    dictionary: TemplateDictionary
    content: Content
    day: str | None
    unknown_share: float


def mine_source(lake: Lake, source: Source, others: Sequence[Path], staged: Staged) -> Mined:
    """Mine the messages of a source's newest days, and write what is known from now on.

    Args:
        lake: where the events are.
        source: it has a message.
        others: further files of events, such as those of golden datasets.
        staged: gets the dictionary, and a table of template ids and texts.
    """
    days = lake.days_with_rows("parsed", source.name)[-_DAYS:]
    paths = [lake.part(Place("parsed", source.name, day)) for day in days]
    known = dictionary_of(lake, source.name)
    if known is not None and known.masking != MASKING:
        known = None  # its masks do not occur any more; equal templates keep their ids
    with open_engine(lake.root) as connection:
        unknown_share = 0.0
        if known is not None and days:
            newest = with_templates(
                connection, _events(paths[-1:]), Templating(source.message, known)
            )
            unknown_share = newest.unknown_share
        dictionary = mine(connection, _events([*paths, *others]), source.message, known)
        rows = list(dictionary.templates.items())
        connection.execute("CREATE TEMP TABLE templates (template VARCHAR, text VARCHAR)")
        if rows:
            connection.executemany("INSERT INTO templates VALUES (?, ?)", rows)
        staged.write(connection, "templates")
    staged.path(DICTIONARY).write_text(dictionary.to_json(), encoding="utf-8")
    content = Content(len(rows), dictionary.version)
    return Mined(dictionary, content, days[-1] if days else None, unknown_share)


def templating_of(lake: Lake, source: Source, view: FeatureView) -> Templating | None:
    """How events get templates for a view; None where no feature reads them.

    Raises:
        NotReadyError: nothing has been mined yet.
    """
    if not reads_templates(source, view):
        return None
    dictionary = dictionary_of(lake, source.name)
    if dictionary is None:
        raise NotReadyError(f"the templates of {source.name} have not been mined yet")
    return Templating(source.message, dictionary)


def dictionary_of(lake: Lake, source: str) -> TemplateDictionary | None:
    """What is known of a source's templates; None: nothing has been mined yet."""
    try:
        text = (lake.directory(Place("templates", source)) / DICTIONARY).read_bytes()
    except FileNotFoundError:
        return None
    return TemplateDictionary.from_json(text)


def _events(paths: Sequence[Path]) -> str:
    listed = ", ".join(literal(str(path)) for path in paths)
    return f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
