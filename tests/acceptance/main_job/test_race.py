"""Two API processes, eight clients, a hundred rounds for the last units: the sum is exact, nothing deadlocks, another ministry goes on meanwhile.

Another ministry's requests are timed while the eight race for one account, and while the same eight ask the same of the same processes without racing
(more than they have, refused at once). The two take turns, and a turn is compared with its neighbour only, so that a busy machine slows both alike:
the median of the ratios is roughly what the race costs others. That nobody waits for a lock of another ministry is shown apart, with the lock held.
"""

import itertools
import os
import secrets
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any, Self

import pytest
from keystoneauth1 import session as sessions
from keystoneauth1.identity import v3
from ruamel.yaml import YAML
from sqlalchemy import create_engine, text

from infra.site import postgres
from infra.site.servers import BIN
from tests.acceptance.main_job.conftest import ENVELOPE, Ministry

ROUNDS, CLIENTS = 100, 8
#: Rounds of a race, and of none (at least), before the other's turn; and how often the lock is held and not.
RACING, QUIET, TURNS = 10, 4, 15
#: A race stores and withdraws one request more in each round than no race does, and the scheduler is coarse.
SLOWER = 2.0


@pytest.fixture
def neighbour(ministry: Ministry) -> Ministry:
    """A second administration, in no way related."""
    code = f"{ministry.code}-voisin"
    ministry.site.administration(code, f"Direction {code}", agent=f"{code}-agent", lead=f"{code}-lead", envelope=ENVELOPE)
    return Ministry(site=ministry.site, code=code, folder=ministry.folder)


@pytest.fixture
def second_api(ministry: Ministry) -> Iterator[str]:
    """Another API process of the same site."""
    site = ministry.site
    url = f"http://127.0.0.1:{site.ports + 12}"
    environment = os.environ | {"DCCTL_CONFIG": str(site.layout.config), "DCCTL_API__PORT": str(site.ports + 12)}
    with (site.layout.state / "log" / "api-2.log").open("ab") as log:
        process = subprocess.Popen([BIN / "dcctl-api"], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        site.until(lambda: answers(url), "the second API is ready", seconds=120)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def client(ministry: Ministry, person: str) -> sessions.Session:
    with ministry.site.clouds_yaml.open() as file:
        auth = YAML(typ="safe").load(file)["clouds"][person]["auth"]
    return sessions.Session(auth=v3.Password(**auth))


def submit(session: sessions.Session, url: str, spec: dict[str, Any]) -> Any:
    return session.post(
        f"{url}/v1/requests",
        json={"kind": "environment", "spec": spec},
        headers={"Idempotency-Key": secrets.token_hex(16)},
        raise_exc=False,
        timeout=60,
    )


def wish(ministry: Ministry, name: str, cores: int) -> dict[str, Any]:
    with ministry.spec(name, quota={"cores": cores}, servers=[], network=None).open() as file:
        return dict(YAML(typ="safe").load(file))


class Bystander:
    """Another ministry that submits and withdraws, one request after the other, from a thread of its own."""

    def __init__(self, ministry: Ministry, url: str) -> None:
        #: Of each turn: without a race, with one, without, …
        self.turns: list[list[float]] = [[]]
        self._session, self._url = client(ministry, ministry.agent), url
        self._wish, self._ending = wish(ministry, "voisin", 1), threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def turn(self) -> None:
        """Those without a race give way to those with one, or the other way round."""
        self.turns.append([])

    def _work(self) -> None:
        while not self._ending.is_set():
            turn, begun = self.turns[-1], time.monotonic()
            answer = submit(self._session, self._url, self._wish)
            seconds = time.monotonic() - begun
            if turn is self.turns[-1]:  # else it is of both
                turn.append(seconds)
            assert answer.status_code == 201, answer.text
            self._session.post(f"{self._url}/v1/requests/{answer.json()['number']}/withdraw", json={})


def dearer(pairs: Iterable[tuple[float, float]]) -> float:
    """The median of the second figure as a multiple of the first, its neighbour in time."""
    return median(second / first for first, second in pairs)


def test_the_last_units_are_given_once_however_many_ask_and_another_ministry_goes_on(ministry: Ministry, neighbour: Ministry, second_api: str):
    urls = [ministry.site.api_url, second_api]
    asking = [client(ministry, ministry.agent) for _ in range(CLIENTS)]

    def all_ask(name: str, cores: int) -> list[Any]:
        specs = [wish(ministry, f"{name}-{index}", cores) for index in range(CLIENTS)]
        return list(pool.map(lambda job: submit(job[0], urls[job[1] % 2], job[2]), zip(asking, range(CLIENTS), specs, strict=True)))

    with ThreadPoolExecutor(CLIENTS) as pool, Bystander(neighbour, urls[0]) as bystander:
        for number in range(ROUNDS):
            if number % RACING == 0:
                if number:
                    bystander.turn()
                for turn in itertools.count():
                    if turn >= QUIET and (bystander.turns[-1] or turn >= 10 * QUIET):
                        break
                    assert {answer.status_code for answer in all_ask(f"trop-{number}-{turn}", ENVELOPE["cores"] + 1)} == {409}
                bystander.turn()
            answers = all_ask(f"tour-{number}", (ENVELOPE["cores"], ENVELOPE["cores"] // 2 + 1)[number % 2])
            taken = [answer.json() for answer in answers if answer.status_code == 201]
            refused = [answer.json()["error"] for answer in answers if answer.status_code != 201]
            assert len(taken) == 1, [answer.text for answer in answers]
            assert {error["code"] for error in refused} == {"DCCTL-201"}
            asking[0].post(f"{urls[number % 2]}/v1/requests/{taken[0]['number']}/withdraw", json={})
    cores = ministry.site.quota(ministry.lead)["cores"]
    assert (cores["available"], cores["held"]) == (ENVELOPE["cores"], 0)
    without, racing = bystander.turns[::2], bystander.turns[1::2]
    assert (len(without), len(racing)) == (ROUNDS // RACING, ROUNDS // RACING)
    pairs = [(median(first), median(second)) for first, second in zip(without, racing, strict=True) if first and second]
    assert len(pairs) >= 5, "too few to compare"
    assert dearer(pairs) <= SLOWER, f"seconds of a submit while others do not race, and while they do: {pairs}"


def test_a_ministry_does_not_wait_for_another_one(ministry: Ministry, site):
    """While a transaction keeps all that min-sante has in the ledger, and while none does. Who waited for it would wait for ever."""
    engine = create_engine(site.layout.url(postgres.DATABASE, postgres.OWNER))
    kept = (
        text("SELECT id FROM quotas.holder WHERE code = 'min-sante' FOR UPDATE"),
        text("SELECT a.id FROM quotas.account a JOIN quotas.holder h ON h.id = a.holder_id WHERE h.code = 'min-sante' FOR UPDATE"),
    )
    session, spec = client(ministry, ministry.agent), wish(ministry, "pendant", 1)
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for number in range(2 * TURNS):
        with engine.connect() as connection:
            if locked := number % 2 == 0:
                for statement in kept:
                    assert connection.execute(statement).all()
            begun = time.monotonic()
            answer = submit(session, site.api_url, spec)
            seconds[locked].append(time.monotonic() - begun)
            assert answer.status_code == 201, answer.text
            session.post(f"{site.api_url}/v1/requests/{answer.json()['number']}/withdraw", json={})
            connection.rollback()
    engine.dispose()
    assert dearer(zip(seconds[False], seconds[True], strict=True)) <= SLOWER, seconds
