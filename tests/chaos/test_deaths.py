"""kill -9 of worker, API, PostgreSQL, guardian, run, engine and provider: before and after each call that changes something, while a small
environment is made, changed and given back; and at moments that a seed chooses, while the example is. Each time cloud = state = ledger in the end:
nothing twice, unknown or stuck, and every operation has ended.

What a life without trouble calls is recorded first, and every moment of it has to be met: one that was not fails the test.
`DCCTL_CHAOS_SEED` replays a run; `DCCTL_CHAOS_CALLS` bounds how many moments of each phase are met, `DCCTL_CHAOS_MOMENTS` how many kills there are by
chance.
"""

import os
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import pytest
from ruamel.yaml import YAML

from infra.site.layout import CHECKOUT
from tests.acceptance.main_job.conftest import Ministry
from tests.acceptance.provisioner.world import WITNESS_WARNINGS, ssh_key
from tests.chaos.conftest import Agree
from tests.chaos.crew import PARTS, Crew
from tests.chaos.seeds import SEED
from tests.chaos.troubling import Moment, Recorded, Trouble, deaths, followed, recording, refusals, submitted

pytestmark = WITNESS_WARNINGS

#: No phase has as many moments.
EVERY = 1000
CALLS = int(os.environ.get("DCCTL_CHAOS_CALLS", str(EVERY)))
#: Most lives until each moment was met: what slips through beside a death is met in the next one.
LIVES = 6
NAME = "appels"
MOMENTS = int(os.environ.get("DCCTL_CHAOS_MOMENTS", "40"))
#: With cloud-init (keys of its users), two open ports, a volume that it starts from, one of data, an address, a group of its own.
WEB: dict[str, Any] = {
    "name": "web", "flavor": "m1.tiny", "image": "cirros", "floating_ip": True, "ports": [443, 80], "volumes": [{"size": 1, "type": "ssd"}],
    "boot_volume": {"size": 1, "type": "ssd"}, "placement": "strict",
}  # fmt: skip
#: Another size, another port, a larger volume.
GROWN: dict[str, Any] = WEB | {"flavor": "m1.small", "ports": [443, 8080], "volumes": [{"size": 2, "type": "ssd"}]}
KEYS = {"ssh_keys": [ssh_key("exploitation@sante")]}


RECORDED: dict[str, Recorded] = {}


@dataclass(slots=True)
class Lives:
    """One environment that is made, changed and given back, as often as it takes; each phase with what was recorded of it and met in it."""

    crew: Crew
    ministry: Ministry
    agree: Agree
    part: str
    recorded: dict[str, Recorded]
    met: dict[str, set[Moment]] = field(default_factory=lambda: defaultdict(set))
    failures: Counter[str] = field(default_factory=Counter)

    def undisturbed(self) -> None:
        """What is called when nothing happens; every life makes the same calls, so it is written down once for all parts."""
        if self.recorded:
            return
        for what, number in self._phases():
            with recording(self.crew) as found:
                told = followed(self.crew, self.ministry, number)
            assert (told.state, told.retries) == ("fulfilled", 0), f"{what}: {told}"
            assert found.calls, f"nothing was called while it was {what}"
            self.recorded[what] = found
        self.agree()

    def troubled(self) -> None:
        """Trouble at each moment that no life before has met."""
        for what, number in self._phases():
            with self._trouble(self.met[what]) as trouble:
                told = followed(self.crew, self.ministry, number)
            self.crew.ready()
            assert told.state == "fulfilled", f"{what}: {told}"
            assert self.part != "refusal" or all("mauvais temps" in words for words in told.words if words), told.words
            self.failures.update(told.failures)
            print(f"{self.part}, {what}: {len(trouble.done)} met in this life, {told.retries} retries")
            self.agree()

    def missing(self) -> dict[str, list[Moment]]:
        """Of each phase the recorded moments that were not met."""
        left = {what: sorted(found.moments(self.part) - self.met[what]) for what, found in self.recorded.items()}
        return {what: moments for what, moments in left.items() if moments}

    def counts(self) -> dict[str, str]:
        """Of each phase how many of the recorded moments were met, and how many more that no undisturbed run has."""
        found = {}
        for what, recorded in self.recorded.items():
            wanted = recorded.moments(self.part)
            found[what] = f"{len(wanted & self.met[what])} of {len(wanted)} and {len(self.met[what] - wanted)} more"
        return found

    def _phases(self) -> Iterator[tuple[str, str]]:
        """Each with the number of its request, which is made when it is its turn."""
        yield "made", submitted(self.crew, self.ministry, NAME, servers=[WEB], **KEYS)
        yield "changed", submitted(self.crew, self.ministry, NAME, "--confirm", NAME, servers=[GROWN], **KEYS)
        yield "given back", self.ministry.decommission(NAME)

    def _trouble(self, met: set[Moment]) -> AbstractContextManager[Trouble]:
        return refusals(self.crew, CALLS, met) if self.part == "refusal" else deaths(self.crew, self.part, CALLS, met)


@pytest.mark.parametrize("part", [*PARTS, "refusal"])
def test_at_each_call_of_a_small_environments_life(crew: Crew, ministry: Ministry, agree: Agree, part: str) -> None:
    # One thing at a time: what is under way beside a call that is met would pass unmet, and be there by the next run.
    crew.restart_workers({"DCCTL_ENGINE__PARALLEL": "1"})
    lives = Lives(crew, ministry, agree, part, RECORDED)
    lives.undisturbed()
    number = 0
    while (missing := lives.missing()) and number < LIVES:
        number += 1
        lives.troubled()
        if CALLS < EVERY:
            break
    print(f"{part}: {number} lives; moments met: {lives.counts()}; failed and retried: {dict(lives.failures)}; 0 twice, 0 unknown, 0 stuck")
    assert all(lives.met.values()), f"{part} was never there to be troubled"
    assert CALLS < EVERY or not missing, f"not met: {missing}"


def example() -> dict[str, Any]:
    """The patient file's spec, but for whose it is."""
    with (CHECKOUT / "examples" / "dossier-patient.yaml").open() as file:
        document: dict[str, Any] = YAML(typ="safe").load(file)
    return {key: value for key, value in document.items() if key not in ("administration", "name", "members")}


def test_at_moments_that_a_seed_chooses_the_example_is_made_and_given_back(crew: Crew, ministry: Ministry, agree: Agree) -> None:
    dice, kills, rounds = random.Random(SEED), Counter[str](), 0
    while sum(kills.values()) < MOMENTS:
        rounds += 1
        name = f"hasard-{rounds}"
        for number in (submitted(crew, ministry, name, **example()), None):
            number = number or ministry.decommission(name)
            ending = threading.Event()
            killer = threading.Thread(target=now_and_then, args=(crew, dice, kills, ending))
            killer.start()
            try:
                told = followed(crew, ministry, number)
            finally:
                ending.set()
                killer.join()
            crew.ready()
            assert told.state == "fulfilled", told
            agree()
    print(f"{sum(kills.values())} kills in {rounds} lives: {dict(kills)}; 0 twice, 0 unknown, 0 stuck")


def now_and_then(crew: Crew, dice: random.Random, kills: "Counter[str]", ending: threading.Event) -> None:
    """Kill something every few seconds, until there were as many kills as wanted."""
    while sum(kills.values()) < MOMENTS and not ending.wait(dice.uniform(0.5, 9.0)):
        part = dice.choice(PARTS)
        until = time.monotonic() + 20
        while not ending.is_set() and time.monotonic() < until:
            if crew.kill(part):
                kills[part] += 1
                break
            ending.wait(0.1)
