"""The credential of one run, with a real Keystone that stumbles: made to end by Keystone's clock, and taken away or said not to be."""

import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from ruamel.yaml import YAML

from dcctl.cloud import credentials
from dcctl.cloud.connect import Cloud
from dcctl.errors import CloudError
from dcctl.workflow.leases import Lost
from tests.chaos.proxy import Call, Fault, Weather, proxy, through

DAY = timedelta(days=1)


@pytest.fixture
def weather() -> Weather:
    return Weather()


@pytest.fixture
def entry(clouds_yaml: Path, weather: Weather) -> Iterator[dict[str, Any]]:
    """The cloud's administrator, who reaches Keystone through the weather."""
    with clouds_yaml.open() as file:
        own = YAML(typ="safe").load(file)["clouds"]["cloud-admin"]
    keystone = int(own["auth"]["auth_url"].partition("//")[2].partition(":")[2].partition("/")[0])
    with proxy(weather, range(keystone, keystone + 10)) as port:
        yield {**own, "auth": {**own["auth"], "auth_url": through(own["auth"]["auth_url"], port)}}


def known(admin: Cloud, prefix: str) -> dict[str, datetime]:
    found = admin.pages("identity", f"/users/{admin.own_user_id}/application_credentials", "application_credentials")
    return {item["name"]: datetime.fromisoformat(item["expires_at"]).replace(tzinfo=UTC) for item in found if item["name"].startswith(prefix)}


@pytest.mark.parametrize("wrong", [-DAY, timedelta(hours=-1), timedelta(hours=1), DAY], ids=str)
def test_it_ends_by_keystones_clock_whatever_the_machines(entry: dict[str, Any], admin: Cloud, wrong: timedelta) -> None:
    name = f"dcctl.run.essai.{secrets.token_hex(4)}.1"
    before = datetime.now(UTC)
    with time_machine.travel(before + wrong, tick=True):
        own = credentials.made(entry, name, seconds=3600)
    try:
        [ends] = known(admin, name).values()
        assert timedelta(minutes=59) < ends - before < timedelta(minutes=62)
    finally:
        credentials.ended(entry, own)
    assert known(admin, name) == {}


def test_taking_it_away_is_tried_again_and_what_stays_is_an_error(entry: dict[str, Any], admin: Cloud, weather: Weather) -> None:
    prefix = f"dcctl.run.essai.{secrets.token_hex(4)}."
    own = credentials.made(entry, f"{prefix}1", seconds=3600)
    tries: list[str] = []

    def refuse(call: Call, times: int) -> Fault | None:
        if call.method != "DELETE" or len(tries) >= times:
            return None
        tries.append(call.path)
        return Fault.UNAVAILABLE

    weather.choose = lambda call: refuse(call, 100)
    with pytest.raises(CloudError):
        credentials.removed(entry, prefix)
    assert (len(tries), set(known(admin, prefix))) == (credentials.ATTEMPTS, {f"{prefix}1"})

    tries.clear()
    weather.choose = lambda call: refuse(call, 2)
    assert credentials.removed(entry, prefix, lambda names: []) == []
    assert credentials.removed(entry, prefix) == [f"{prefix}1"]
    assert known(admin, prefix) == {}
    credentials.ended(entry, own)  # gone already, which is as good


def test_whoever_lost_its_environment_meanwhile_makes_none(entry: dict[str, Any], admin: Cloud) -> None:
    prefix = f"dcctl.run.essai.{secrets.token_hex(4)}."

    def check() -> None:
        raise Lost("not renewed in time")

    with pytest.raises(Lost):
        credentials.made(entry, f"{prefix}1", seconds=3600, check=check)
    assert known(admin, prefix) == {}


def test_credentials_made_beside_others_calls_have_the_roles_of_whoever_makes_them(clouds_yaml: Path, admin: Cloud) -> None:
    """Keystone itself, without the product's second tries: served by two threads it takes another call's token for a call's own."""
    with clouds_yaml.open() as file:
        clouds = YAML(typ="safe").load(file)["clouds"]
    own, prefix, over = clouds["cloud-admin"], f"dcctl.run.essai.{secrets.token_hex(4)}.", threading.Event()
    group = admin.call("identity", "POST", "/groups", body={"group": {"name": f"{prefix}group"}})["group"]["id"]
    [role] = (role["id"] for role in admin.pages("identity", "/roles", "roles", {"name": "dc_auditor"}))
    granted = f"/projects/{admin.own_project_id}/groups/{group}/roles/{role}"

    def make(number: int) -> set[str]:
        session = credentials._session(own, own["auth"])
        address = f"{credentials._address(own['auth'])}/users/{session.get_user_id()}/application_credentials"
        said = session.post(address, json={"application_credential": {"name": f"{prefix}{number}"}}, raise_exc=False).json()
        return {str(role["name"]) for role in said["application_credential"]["roles"]} if "application_credential" in said else {str(said)}

    def look(person: str) -> None:
        session = credentials._session(clouds[person], clouds[person]["auth"])
        while not over.is_set():
            session.get(f"{credentials._address(clouds[person]['auth'])}/auth/projects")

    def grant() -> None:  # which empties what Keystone remembers of everybody's roles
        while not over.is_set():
            admin.call("identity", "PUT", granted)
            admin.call("identity", "DELETE", granted)

    with ThreadPoolExecutor(8) as pool:
        beside = [pool.submit(look, "operator"), pool.submit(look, "auditor"), pool.submit(grant)]
        try:
            made = list(pool.map(make, range(20)))
        finally:
            over.set()
    credentials.removed(own, prefix)
    admin.call("identity", "DELETE", f"/groups/{group}")

    assert made == [{"admin", "manager", "member", "reader"}] * 20
    assert [one.exception() for one in beside] == [None] * 3
