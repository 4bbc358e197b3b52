"""kill -9 of worker, API, PostgreSQL, guardian, run, engine and provider: before and after each call that changes something, while a small
environment is made, changed and given back; and at moments that a seed chooses, while the example is. Each time cloud = state = ledger in the end:
nothing twice, unknown or stuck, and every operation has ended.

`DCCTL_CHAOS_SEED` replays a run; `DCCTL_CHAOS_CALLS` bounds how many calls of each phase are met, `DCCTL_CHAOS_MOMENTS` how many moments.
"""

import os
import random
import threading
import time
from collections import Counter
from typing import Any

import pytest
from ruamel.yaml import YAML

from infra.site.layout import CHECKOUT
from tests.acceptance.main_job.conftest import Ministry
from tests.acceptance.provisioner.world import WITNESS_WARNINGS, ssh_key
from tests.chaos.conftest import Agree
from tests.chaos.crew import PARTS, Crew
from tests.chaos.troubling import deaths, followed, refusals, submitted

pytestmark = WITNESS_WARNINGS

SEED = int(os.environ.get("DCCTL_CHAOS_SEED", random.randrange(2**32)))
CALLS = int(os.environ.get("DCCTL_CHAOS_CALLS", "1000"))
MOMENTS = int(os.environ.get("DCCTL_CHAOS_MOMENTS", "40"))
#: With cloud-init (keys of its users), two open ports, a volume that it starts from, one of data, an address, a group of its own.
WEB: dict[str, Any] = {
    "name": "web", "flavor": "m1.tiny", "image": "cirros", "floating_ip": True, "ports": [443, 80], "volumes": [{"size": 1, "type": "ssd"}],
    "boot_volume": {"size": 1, "type": "ssd"}, "placement": "strict",
}  # fmt: skip
#: Another size, another port, a larger volume.
GROWN: dict[str, Any] = WEB | {"flavor": "m1.small", "ports": [443, 8080], "volumes": [{"size": 2, "type": "ssd"}]}
KEYS = {"ssh_keys": [ssh_key("exploitation@sante")]}


@pytest.mark.parametrize("part", [*PARTS, "refusal"])
def test_at_each_call_of_a_small_environments_life(crew: Crew, ministry: Ministry, agree: Agree, part: str) -> None:
    name, counts = "appels", {}
    failures: Counter[str] = Counter()

    def phase(what: str, number: str) -> None:
        with refusals(crew, CALLS) if part == "refusal" else deaths(crew, part, CALLS) as trouble:
            told = followed(crew, ministry, number, trouble)
        crew.mend()
        assert told.state == "fulfilled", f"{what}: {told}"
        assert trouble.done, f"{part} was never there to be troubled while it was {what}"
        assert part != "refusal" or all("mauvais temps" in words for words in told.words if words), told.words
        counts[what] = len(trouble.done)
        failures.update(told.failures)
        agree()

    phase("made", submitted(crew, ministry, name, servers=[WEB], **KEYS))
    phase("changed", submitted(crew, ministry, name, "--confirm", name, servers=[GROWN], **KEYS))
    phase("given back", ministry.decommission(name))
    print(f"\n{part}: {counts} calls met; failed and retried: {dict(failures)}; 0 twice, 0 unknown, 0 stuck")


def example() -> dict[str, Any]:
    """The patient file's spec, but for whose it is."""
    with (CHECKOUT / "examples" / "dossier-patient.yaml").open() as file:
        document: dict[str, Any] = YAML(typ="safe").load(file)
    return {key: value for key, value in document.items() if key not in ("administration", "name", "members")}


def test_at_moments_that_a_seed_chooses_the_example_is_made_and_given_back(crew: Crew, ministry: Ministry, agree: Agree) -> None:
    print(f"\nDCCTL_CHAOS_SEED={SEED}")
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
            crew.mend()
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
