"""Asks the release repository what an environment is to run, and loads new models ready to score.

A thread of its own. What it found waits until the scoring thread takes it between two batches.
Nothing that fails here stops scoring: it is counted, said in one line, and tried again.
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from random import uniform
from typing import Literal

from whetstone.catalog.catalog_pb2 import Environment
from whetstone.errors import NotReadyError, ReleaseError, WhetstoneError
from whetstone.releases import Client
from whetstone.releases.pulled import Pulled, PulledEnvironment
from whetstone.scoring.run import BundleScorer

Role = Literal["champion", "challenger"]


@dataclass(frozen=True, eq=False)
class Offer:
    """A model that is to take a part from now on, or a part that nobody takes any more.

    Attributes:
        detector: the detector.
        role: the part.
        scorer: the model; None: none any more.
        reason: in words.
        fresh: whether it was downloaded just now, rather than found in the cache.
        unfit: version of a model that cannot even be loaded; `scorer` is None then.
    """

    detector: str
    role: Role
    scorer: BundleScorer | None
    reason: str
    fresh: bool = False
    unfit: str | None = None


@dataclass
class Polls:
    """How asking went.

    Attributes:
        polls: how often was asked; `failures` of them were in vain.
        last: when, in seconds since 1970; None: never.
        last_success: when it last went well.
        error: of the last poll; empty if it went well.
        expires: seconds since 1970 at which the metadata ends that vouches for the models.
    """

    polls: int = 0
    failures: int = 0
    last: float | None = None
    last_success: float | None = None
    error: str = ""
    expires: float | None = None


class Poller:
    """Polls for one environment.

    Args:
        client: of the release repository.
        environment: name.
        interval: seconds between two polls; each is up to a tenth earlier or later, so that
            environments do not ask all at once.
        say: takes a line for the operator.
        clock: seconds since 1970.

    Attributes:
        polls: how asking went.
        refused: detector to versions not to be offered; set by whoever refuses.
        unproven: detectors whose champion is on probation; set by whoever judges.
        withdrawn: detector to versions that the platform took back.
    """

    def __init__(
        self,
        client: Client,
        environment: str,
        interval: float,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ):
        self.polls = Polls()
        self.refused: Mapping[str, Collection[str]] = {}
        self.unproven: Collection[str] = ()
        self.withdrawn: Mapping[str, Collection[str]] = {}
        self._client, self._name = client, environment
        self._interval, self._say, self._clock = interval, say, clock
        self._offered: dict[tuple[str, Role], str] = {}
        self._failure: WhetstoneError | None = None
        self._lock = threading.Lock()
        self._offers: list[Offer] = []
        self._going_back: list[tuple[str, str]] = []
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="releases", daemon=True)

    def open(self) -> Environment:
        """Ask once, in this thread; if that is in vain, what the last pull left in the cache.

        Raises:
            ReleaseError: a check failed, and there is nothing from before.
            NotReadyError: the platform does not have the environment, or no release for it.
        """
        self._go_back()
        pulled = self._pull()
        if pulled is None:
            try:
                pulled = self._client.cached_environment(self._name)
            except NotReadyError as never:
                raise self._failure or never from None
            self._say(f"scoring goes on with what was pulled before: {self.polls.error}")
        self._offer(pulled)
        return pulled.environment

    def start(self) -> None:
        """Poll from now on, until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a download that is under way is left alone."""
        self._stopping = True
        self._wake.set()

    def poll(self) -> None:
        """Ask now. For the thread, and for whoever does without it."""
        self._go_back()
        known = self.polls.error
        pulled = self._pull()
        if pulled is not None:
            self._offer(pulled)
        elif self.polls.error != known:
            self._say(self.polls.error)

    def offers(self) -> list[Offer]:
        """What was found since this was last asked; never waits for the network."""
        with self._lock:
            found, self._offers = self._offers, []
        return found

    def go_back(self, detector: str, version: str) -> None:
        """Have `version` taken out of service in the cache, soon."""
        with self._lock:
            self._going_back.append((detector, version))
        self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait(self._interval * uniform(0.9, 1.1))  # noqa: S311 - not a secret
            self._wake.clear()
            if self._stopping:
                return
            self.poll()

    def _pull(self) -> PulledEnvironment | None:
        self.polls.polls += 1
        self.polls.last = self._clock()
        try:
            pulled = self._client.pull_environment(self._name, self.refused, self.unproven)
        except Exception as error:  # whatever it is, it must not stop scoring
            self._failed(error)
            return None
        self.polls.last_success, self.polls.error = self.polls.last, ""
        return pulled

    def _failed(self, error: Exception) -> None:
        told = isinstance(error, WhetstoneError)
        text = str(error) if told else f"polling failed: {type(error).__name__}: {error}"
        self._failure = error if told else ReleaseError(text)
        self.polls.failures += 1
        self.polls.error = text

    def _go_back(self) -> None:
        with self._lock:
            asked, self._going_back = self._going_back, []
        for detector, version in asked:
            try:
                self._client.go_back(detector, version)
            except WhetstoneError as error:
                self._say(f"{detector} {version} cannot be taken out of the cache: {error}")

    def _offer(self, pulled: PulledEnvironment) -> None:
        self.withdrawn = pulled.withdrawn
        self.polls.expires = pulled.expires.timestamp() if pulled.expires else None
        offers: list[Offer] = []
        parts: tuple[tuple[Role, Mapping[str, Pulled]], ...] = (
            ("champion", pulled.champions),
            ("challenger", pulled.challengers),
        )
        for role, found in parts:
            gone = [name for name, part in self._offered if part == role and name not in found]
            for detector in gone:
                del self._offered[detector, role]
                offers.append(Offer(detector, role, None, f"the channel has no {role} any more"))
            for detector, one in found.items():
                if self._offered.get((detector, role)) != one.version:
                    self._offered[detector, role] = one.version
                    offers.append(self._loaded(one, role))
        with self._lock:
            self._offers += offers

    def _loaded(self, pulled: Pulled, role: Role) -> Offer:
        try:
            scorer = BundleScorer(self._client.load(pulled.detector, role))
        except Exception as error:  # whatever the runtime of graphs raises
            reason = f"it cannot be loaded: {error}"
            return Offer(pulled.detector, role, None, reason, unfit=pulled.version)
        return Offer(pulled.detector, role, scorer, "released", fresh=pulled.changed)
