"""The models of a live scorer: swapped between two batches, and taken back if they are bad.

Workflow:
  1. `open` pulls once and loads; `start` polls from then on in a thread (`whetstone.streaming.
     poller`), which verifies and loads new models beside those in service.
  2. The scoring thread calls `changes` between two batches, and does what it says.
  3. It hands what the models scored to `take`. A new champion is on probation meanwhile, the one
     before it scores the same units silently, and `whetstone.streaming.serving.guard` compares
     the two.
  4. A model that does not stand its probation, cannot be loaded, or fails while it scores is
     refused: the next `changes` brings the one before it back, and it is not pulled again.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from whetstone.catalog.catalog_pb2 import Environment
from whetstone.errors import WhetstoneError
from whetstone.releases import Client
from whetstone.scoring.run import BundleScorer
from whetstone.streaming.flow import Scored
from whetstone.streaming.instants import instant
from whetstone.streaming.serving.guard import Guard, Outcome
from whetstone.streaming.serving.notices import Action, Notice
from whetstone.streaming.serving.poller import Offer, Poller, Polls

Role = Literal["champion", "challenger", "predecessor", "withdrawn"]


@dataclass(frozen=True, eq=False)
class Change:
    """What to do with a detector from the next batch on.

    Attributes:
        detector: the detector.
        scorer: the model; None: none any more in this role.
        role: "champion": its alerts are the detector's. "challenger": scores silently, its alerts
            go to the platform. "predecessor": the champion before, while the new one is on
            probation: scores the same units silently, its alerts go nowhere. "withdrawn": the
            detector is not to be scored any more, in no role.
        reason: in words.
    """

    detector: str
    scorer: BundleScorer | None
    role: Role
    reason: str


class Releases:
    """Which models score in one environment. All but `start` and `stop` in the scoring thread.

    Args:
        client: of the release repository.
        environment: name.
        state: directory for `guard.json`.
        interval: seconds between two polls.
        say: takes a line for the operator.
        clock: seconds since 1970.

    Attributes:
        poller: asks the repository.
    """

    def __init__(
        self,
        client: Client,
        environment: str,
        state: Path,
        interval: float = 60.0,
        say: Callable[[str], None] = print,
        clock: Callable[[], float] = time.time,
    ):
        self.poller = Poller(client, environment, interval, say, clock)
        self._client, self._name, self._say, self._clock = client, environment, say, clock
        state.mkdir(parents=True, exist_ok=True)
        self._guard = Guard(state / "guard.json")
        self._champions: dict[str, BundleScorer] = {}
        self._challengers: dict[str, BundleScorer] = {}
        self._predecessors: dict[str, BundleScorer] = {}
        self._changes: list[Change] = []
        self._reports: list[dict[str, Any]] = []
        self._expired: float | None = None

    @property
    def polls(self) -> Polls:
        """How asking the repository went."""
        return self.poller.polls

    @property
    def versions(self) -> dict[str, str]:
        """Detector to the version in service."""
        return {name: scorer.version for name, scorer in self._champions.items()}

    @property
    def challengers(self) -> dict[str, str]:
        """Detector to the version that scores in shadow."""
        return {name: scorer.version for name, scorer in self._challengers.items()}

    @property
    def refused(self) -> dict[str, frozenset[str]]:
        """Detector to versions that were refused here."""
        return self._guard.refused

    def open(self) -> Environment:
        """Pull and load once; without the repository, what the last pull left in the cache.

        Returns:
            The environment's definition. Later ones take effect when a scorer begins anew.

        Raises:
            ReleaseError: a check failed, and there is nothing from before to score with.
            NotReadyError: the platform does not have the environment.
        """
        self._tell_poller()
        for detector, versions in self._guard.refused.items():
            for version in versions:  # a process that died may not have got that far
                self.poller.go_back(detector, version)
        return self.poller.open()

    def start(self) -> None:
        """Poll from now on."""
        self.poller.start()

    def stop(self) -> None:
        """Poll no longer."""
        self.poller.stop()

    def changes(self) -> list[Change]:
        """What changed since this was last asked; never waits. At first: all models."""
        for offer in self.poller.offers():
            self._take_offer(offer)
        self._watch_expiry()
        changes, self._changes = self._changes, []
        return changes

    def take(self, scored: Scored) -> None:
        """Judge a champion on probation by complete units that it, or its predecessor, scored."""
        outcome = self._guard.take(scored)
        if outcome is not None:
            self._conclude(outcome)

    def refuse(self, scorer: BundleScorer, reason: str) -> None:
        """A model failed while it scored: do without it from the next batch on."""
        detector = scorer.detector.name
        if self._champions.get(detector) is scorer:
            self._take_out(scorer, f"it fails while it scores: {reason}")
        elif self._challengers.get(detector) is scorer:
            del self._challengers[detector]
            self._guard.refuse(detector, scorer.version, reason)
            self._changes.append(Change(detector, None, "challenger", reason))
            self._report("release-refused", scorer, f"scores in shadow no longer: {reason}")
        elif self._predecessors.get(detector) is scorer:
            del self._predecessors[detector]
            self._changes.append(Change(detector, None, "predecessor", reason))
        self._tell_poller()

    def reports(self) -> list[dict[str, Any]]:
        """What there is to tell since this was last asked, as records for the outputs."""
        reports, self._reports = self._reports, []
        return reports

    def _take_offer(self, offer: Offer) -> None:
        detector = offer.detector
        if offer.unfit is not None:
            self._refuse_unfit(offer, offer.unfit)
        elif offer.role == "challenger":
            self._put_in_shadow(offer)
        elif offer.scorer is None:
            self._withdraw(detector, offer.reason)
        elif offer.scorer.version not in self._guard.refused.get(detector, ()):
            self._put_in_service(offer.scorer, offer.fresh)
        self._tell_poller()

    def _put_in_service(self, new: BundleScorer, fresh: bool) -> None:
        detector = new.detector.name
        old = self._champions.get(detector)
        if old is not None and old.version == new.version:
            return
        unfinished = self._guard.unfinished.get(detector) == new.version
        # While one is on probation, what is known to be good is the one before it.
        trusted = self._predecessors.pop(detector, old)
        self._champions[detector] = new
        self._changes.append(Change(detector, new, "champion", "released"))
        self._guard.end(detector)
        if old is not None:
            self._changes.append(Change(detector, None, "predecessor", f"{new.version} is new"))
            self._report("release-swapped", new, f"is in service after {old.version}", old.version)
            self._put_on_probation(new, trusted)
        elif fresh or unfinished:
            self._put_on_probation(new, self._stored_before(detector))

    def _put_on_probation(self, new: BundleScorer, trusted: BundleScorer | None) -> None:
        detector = new.detector.name
        if trusted is not None and not self._stands(trusted, new):
            return  # it is what the platform takes back, or the very same: nobody to judge by
        self._guard.begin(new, trusted)
        if trusted is not None:
            self._predecessors[detector] = trusted
            reason = f"{new.version} is on probation"
            self._changes.append(Change(detector, trusted, "predecessor", reason))

    def _put_in_shadow(self, offer: Offer) -> None:
        if offer.scorer is None:
            self._challengers.pop(offer.detector, None)
        else:
            self._challengers[offer.detector] = offer.scorer
        self._changes.append(Change(offer.detector, offer.scorer, "challenger", offer.reason))

    def _withdraw(self, detector: str, reason: str) -> None:
        gone = self._champions.pop(detector, None)
        self._predecessors.pop(detector, None)
        self._guard.end(detector)
        self._changes.append(Change(detector, None, "withdrawn", reason))
        challenger = self._challengers.get(detector)
        if challenger is not None:
            self._changes.append(Change(detector, challenger, "challenger", "it stays"))
        if gone is not None:
            self._report("release-withdrawn", gone, f"scores no longer: {reason}")

    def _conclude(self, outcome: Outcome) -> None:
        detector, judgement = outcome.detector, outcome.judgement
        champion = self._champions[detector]
        if judgement.within or outcome.before is None:
            self._predecessors.pop(detector, None)
            self._changes.append(Change(detector, None, "predecessor", "the probation is over"))
            said = judgement.reason
            if not judgement.within:
                said = f"stays in service, as there is nothing to go back to, but: {said}"
            action: Action = "release-kept" if judgement.within else "release-suspect"
            self._report(action, champion, said, outcome.before, judgement.numbers)
        else:
            self._take_out(champion, judgement.reason, judgement.numbers)
        self._tell_poller()

    def _take_out(
        self, bad: BundleScorer, reason: str, numbers: Mapping[str, float] | None = None
    ) -> None:
        """Goes back at once where the predecessor is at hand, else as soon as it is loaded."""
        detector = bad.detector.name
        self._guard.refuse(detector, bad.version, reason)
        self.poller.go_back(detector, bad.version)
        trusted = self._predecessors.pop(detector, None)
        if trusted is not None and self._stands(trusted, bad):
            self._champions[detector] = trusted
            self._changes.append(Change(detector, trusted, "champion", reason))
            self._changes.append(Change(detector, None, "predecessor", reason))
            said, before = f"refused, {trusted.version} is in service again", trusted.version
        else:
            self._withdraw(detector, reason)
            said, before = "refused, the version before it is looked for", None
        self._report("release-refused", bad, f"{said}: {reason}", before, numbers)

    def _refuse_unfit(self, offer: Offer, version: str) -> None:
        self._guard.refuse(offer.detector, version, offer.reason)
        if offer.role == "champion":
            self.poller.go_back(offer.detector, version)
        self._tell("release-refused", f"refused: {offer.reason}", offer.detector, version)

    def _stored_before(self, detector: str) -> BundleScorer | None:
        try:
            return BundleScorer(self._client.load(detector, "previous"))
        except WhetstoneError:
            return None

    def _stands(self, trusted: BundleScorer, new: BundleScorer) -> bool:
        detector, version = trusted.detector.name, trusted.version
        bad = {*self.poller.withdrawn.get(detector, ()), *self.refused.get(detector, ())}
        return version not in {*bad, new.version}

    def _tell_poller(self) -> None:
        self.poller.refused = self._guard.refused
        self.poller.unproven = frozenset(self._guard.unfinished)

    def _watch_expiry(self) -> None:
        expires = self.polls.expires
        if expires is None or expires > self._clock() or expires == self._expired:
            return
        self._expired = expires
        self._tell(
            "release-expired",
            f"nobody vouches any more for the models in service: the release metadata expired at"
            f" {instant(int(expires * 1e6))}. Check this machine's clock, the way to the"
            f" repository, and that the platform's daily refresh runs. {self.polls.error}".rstrip(),
        )

    def _report(
        self,
        action: Action,
        scorer: BundleScorer,
        said: str,
        before: str | None = None,
        numbers: Mapping[str, float] | None = None,
    ) -> None:
        self._tell(action, said, scorer.detector.name, scorer.version, before, numbers)

    def _tell(
        self,
        action: Action,
        said: str,
        detector: str | None = None,
        version: str | None = None,
        before: str | None = None,
        numbers: Mapping[str, float] | None = None,
    ) -> None:
        message = " ".join(part for part in (detector, version, said) if part)
        self._say(message)
        notice = Notice(action, message, detector, version, before, dict(numbers or {}))
        self._reports.append(notice.record(self._name, self._clock()))
