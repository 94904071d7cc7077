"""The models in service, by detector and role, and where they come from."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from whetstone.catalog.catalog_pb2 import Source
from whetstone.errors import InputError, ReleaseError
from whetstone.releases import unpack
from whetstone.scoring.run import BundleScorer
from whetstone.streaming.flow import Scored
from whetstone.streaming.serving.releases import Change
from whetstone.streaming.views import Role, Served


class ModelSource(Protocol):
    """Where models come from: a release repository that is polled, or files."""

    def changes(self) -> list[Change]:
        """What changed since it was last asked; at first, all models."""
        ...

    def take(self, scored: Scored) -> None:
        """Look at complete units, to judge a new model by them."""
        ...

    def refuse(self, scorer: BundleScorer, reason: str) -> None:
        """A model cannot score: do without it."""
        ...

    def reports(self) -> list[dict[str, Any]]:
        """What there is to tell, as records."""
        ...


class Models:
    """What is in service, change by change."""

    def __init__(self) -> None:
        self._by_role: dict[tuple[str, Role], Served] = {}

    def change(self, change: Change) -> None:
        """Take a model into service, or out of it."""
        if change.role == "withdrawn":
            for key in [key for key in self._by_role if key[0] == change.detector]:
                del self._by_role[key]
            return
        role: Role = change.role
        if change.scorer is None:
            self._by_role.pop((change.detector, role), None)
        else:
            self._by_role[change.detector, role] = Served(change.scorer, role)

    def served(self) -> list[Served]:
        """All models in service, by name of the detector."""
        return [self._by_role[key] for key in sorted(self._by_role)]

    def source(self, name: str) -> Source:
        """The definition of a source, from one of the models that read it.

        Raises:
            InputError: none does.
        """
        found = {one.scorer.source.name: one.scorer.source for one in self.served()}
        if name not in found:
            raise InputError(
                f"no detector in service reads the source {name}; those in service read"
                f" {', '.join(sorted(found)) or 'nothing'}. Correct the input, or release a"
                " detector for it"
            )
        return found[name]


class BundleFiles:
    """Models from packed bundles that somebody vouches for by naming them.

    Args:
        files: of bundles, one a detector.

    Raises:
        InputError: a file cannot be read.
        ReleaseError: a file is no bundle.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        self._changes: list[Change] = []
        for file in files:
            try:
                scorer = BundleScorer(unpack(file.read_bytes()))
            except OSError as error:
                raise InputError(f"{file}: {error.strerror}; give a packed bundle") from error
            except ReleaseError as error:
                raise ReleaseError(f"{file}: {error}") from error
            name = scorer.detector.name
            self._changes.append(Change(name, scorer, "champion", f"{scorer.version} from {file}"))

    def changes(self) -> list[Change]:
        """All models, once."""
        given, self._changes = self._changes, []
        return given

    def take(self, scored: Scored) -> None:
        """Nothing is on probation here."""

    def refuse(self, scorer: BundleScorer, reason: str) -> None:
        """There is no other model to go on with.

        Raises:
            InputError: always.
        """
        raise InputError(f"{scorer.detector.name} {scorer.version} cannot score: {reason}")

    def reports(self) -> list[dict[str, Any]]:
        """There is nothing to tell."""
        return []
