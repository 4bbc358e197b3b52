"""`dcctl-api` as a process of its own, behind a real Keystone; a database, an administration and people that only these tests use."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from keystoneauth1 import session as keystone_session
from keystoneauth1.identity import v3
from ruamel.yaml import YAML

from dcctl import migrations
from dcctl.cloud import identity, registry
from dcctl.cloud.connect import Cloud
from tests import postgres

HOME, SEAT = "asin", "exploitation"
START_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Keystone:
    """The trial cloud's, with the rights of its administrator."""

    file: Path
    entry: str
    admin: Cloud

    @property
    def auth_url(self) -> str:
        return str(self.auth["auth_url"])

    @property
    def auth(self) -> dict[str, Any]:
        found: dict[str, Any] = YAML(typ="safe").load(self.file)["clouds"][self.entry]["auth"]
        return found

    def token(self, user: str, password: str, *, domain: str | None = None) -> str:
        """For the domain, or for the datacenter's own project."""
        scope = {"domain_name": domain} if domain else {"project_name": SEAT, "project_domain_name": HOME}
        auth = v3.Password(auth_url=self.auth_url, username=user, password=password, user_domain_name=HOME, **scope)
        return str(keystone_session.Session(auth=auth).get_token())


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The running API, and what it stands on."""

    url: str
    keystone: Keystone
    mark: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def call(self, method: str, path: str, token: str | None = None, **arguments: Any) -> requests.Response:
        headers = arguments.pop("headers", {}) | ({"X-Auth-Token": token} if token else {})
        return requests.request(method, self.url + path, headers={"Accept-Language": "en"} | headers, timeout=30, **arguments)


@pytest.fixture(scope="session")
def keystone(request: pytest.FixtureRequest) -> Keystone:
    """Of the acceptance suite's cloud, or of the one whose state directory `DCCTL_TEST_CLOUD` names."""
    state = os.environ.get("DCCTL_TEST_CLOUD")
    file = Path(state) / "clouds.yaml" if state else Path(request.getfixturevalue("cloud").clouds_yaml)
    return Keystone(file=file, entry="cloud-admin", admin=Cloud(file, "cloud-admin", "cotonou"))


@pytest.fixture(scope="session")
def service(keystone: Keystone, postgresql: postgres.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    etc = tmp_path_factory.mktemp("etc", numbered=False)
    dsn = postgresql.database(lambda dsn: migrations.upgrade(postgres.alchemy(dsn)), key="migrations")
    database = dsn.partition("@/")[2].partition("?")[0]
    auth = keystone.auth
    private(etc / "authtoken.conf", "\n".join([
        "[keystone_authtoken]", "auth_type = password", f"auth_url = {auth['auth_url']}", f"www_authenticate_uri = {auth['auth_url']}",
        f"username = {auth['username']}", f"password = {auth['password']}", f"user_domain_name = {auth['user_domain_name']}",
        f"project_name = {auth['project_name']}", f"project_domain_name = {auth['project_domain_name']}", "service_type = self-service",
        "region_name = cotonou",
    ]) + "\n")  # fmt: skip
    private(etc / "dcctl.toml", "\n".join([
        f'[database]\napplication = "{postgresql.url(database, "dcctl_app")}"',
        f'[cloud]\nclouds_yaml = "{keystone.file}"\nadmin = "{keystone.entry}"\nregion = "cotonou"',
        f'[api]\nport = 0\nrequests_a_minute = 0\nauthtoken_conf = "{etc / "authtoken.conf"}"',
    ]))  # fmt: skip
    log = etc / "api.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", "from dcctl.api.server import main; main()"],
            env=os.environ | {"DCCTL_CONFIG": str(etc / "dcctl.toml")}, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port_of(process, log)}"
        running = Service(url=url, keystone=keystone, mark=secrets.token_hex(3), process=process, log=log)
        wait_until_ready(running)
        yield running
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def private(path: Path, text: str) -> None:
    path.touch(0o600)
    path.write_text(text)


def port_of(process: "subprocess.Popen[bytes]", log: Path) -> int:
    """The port that the system gave it, once it serves."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for line in log.read_text().splitlines():
            if line.startswith("{") and line.endswith("}") and (said := json.loads(line))["event"] == "serving":
                return int(said["port"])
        time.sleep(0.1)
    pytest.fail(f"dcctl-api did not start: {log.read_text()[-3000:]}", pytrace=False)


def wait_until_ready(running: Service) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and running.process.poll() is None:
        try:
            if running.call("GET", "/readyz").status_code == 200:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    pytest.fail(f"dcctl-api did not start: {running.log.read_text()[-3000:]}", pytrace=False)


Person = Callable[..., tuple[str, str]]


@pytest.fixture(scope="session")
def person(service: Service) -> Iterator[Person]:
    """A user, by default in the datacenter's own domain, made when first asked for; answers name and password. All are deleted at the end."""
    passwords: dict[str, str] = {}
    made: list[str] = []

    def make(what: str, *, home: str = HOME) -> tuple[str, str]:
        name = f"apitest-{what}-{service.mark}"
        # Asked for again they keep their password: Keystone takes no token of a user that it gave out in the second in which the password changed.
        if name not in passwords:
            passwords[name] = secrets.token_urlsafe(16)
            made.append(registry.ensure_user(service.keystone.admin, name, home, passwords[name]))
        return name, passwords[name]

    yield make
    for user in made:
        service.keystone.admin.call("identity", "DELETE", f"/users/{user}", absent_ok=True)


@pytest.fixture(scope="session")
def operator(service: Service, person: Person) -> str:
    """An operator's token."""
    name, password = person("operator")
    admin = service.keystone.admin
    user = identity.find_user(admin, name, [HOME])
    home = identity.find_domain(admin, HOME)
    assert user is not None
    assert home is not None
    seat = identity.ensure_project(admin, SEAT, home)
    identity.assign(admin, user.id, "dc_operator", project_id=seat.id)
    return service.keystone.token(name, password)


@pytest.fixture(scope="session")
def ministry(service: Service, operator: str) -> Iterator[str]:
    """Code of an administration that was made through the API; its domain is deleted at the end."""
    code = f"apitest-{service.mark}"
    answer = service.call("POST", "/v1/administrations", operator, json={"code": code, "name": "Ministère d’essai"})
    assert answer.status_code == 201, answer.text
    yield code
    domain = identity.find_domain(service.keystone.admin, code)
    service.keystone.admin.call("identity", "PATCH", f"/domains/{domain}", body={"domain": {"enabled": False}})
    service.keystone.admin.call("identity", "DELETE", f"/domains/{domain}")
