"""Two API processes, eight clients, a hundred rounds for the last units: the sum is exact, nothing deadlocks, another ministry is not slowed."""

import os
import secrets
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from keystoneauth1 import session as sessions
from keystoneauth1.identity import v3
from ruamel.yaml import YAML
from sqlalchemy import create_engine, text

from infra.site import postgres
from infra.site.servers import BIN
from tests.acceptance.main_job.conftest import ENVELOPE, Ministry

ROUNDS, CLIENTS = 100, 8


@pytest.fixture
def second_api(ministry: Ministry) -> Iterator[str]:
    """Another API process of the same site."""
    site = ministry.site
    url = f"http://127.0.0.1:{site.ports + 12}"
    environment = os.environ | {"DCCTL_CONFIG": str(site.layout.config), "DCCTL_API__PORT": str(site.ports + 12)}
    with (site.layout.state / "log" / "api-2.log").open("ab") as log:
        process = subprocess.Popen([BIN / "dcctl-api"], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        site.until(lambda: answers(url), "the second API is ready", seconds=60)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


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


def test_the_last_units_are_given_once_however_many_ask(ministry: Ministry, second_api: str):
    urls = [ministry.site.api_url, second_api]
    asking = [client(ministry, ministry.agent) for _ in range(CLIENTS)]
    given = 0
    with ThreadPoolExecutor(CLIENTS) as pool:
        for number in range(ROUNDS):
            cores = (ENVELOPE["cores"], ENVELOPE["cores"] // 2 + 1)[number % 2]
            specs = [wish(ministry, f"tour-{number}-{index}", cores) for index in range(CLIENTS)]
            answers = list(pool.map(lambda job: submit(job[0], urls[job[1] % 2], job[2]), zip(asking, range(CLIENTS), specs, strict=True)))
            taken = [answer.json() for answer in answers if answer.status_code == 201]
            refused = [answer.json()["error"] for answer in answers if answer.status_code != 201]
            assert len(taken) == 1, [answer.text for answer in answers]
            assert {error["code"] for error in refused} == {"DCCTL-201"}
            given += 1
            asking[0].post(f"{urls[number % 2]}/v1/requests/{taken[0]['number']}/withdraw", json={})
    assert given == ROUNDS
    cores = ministry.site.quota(ministry.lead)["cores"]
    assert (cores["available"], cores["held"]) == (ENVELOPE["cores"], 0)


def test_a_ministry_does_not_wait_for_another_one(ministry: Ministry, site):
    engine = create_engine(site.layout.url(postgres.DATABASE, postgres.OWNER))
    lock = text("SELECT a.id FROM quotas.account a JOIN quotas.holder h ON h.id = a.holder_id WHERE h.code = 'min-sante' FOR UPDATE")
    with engine.connect() as connection:
        connection.execute(lock)

        answer = submit(client(ministry, ministry.agent), site.api_url, wish(ministry, "pendant", 1))

        assert answer.status_code == 201, answer.text
        connection.rollback()
    engine.dispose()
