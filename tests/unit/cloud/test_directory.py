"""Who was found a moment ago is not asked for again; who was not found is."""

import pytest

from dcctl.cloud import directory
from dcctl.cloud.directory import Directory
from dcctl.errors import CloudError

ASIN = {"id": "d0", "name": "asin"}


class Keystone:
    """Answers as a `Cloud` does, from lists of its own, and remembers what it was asked."""

    def __init__(self) -> None:
        self.users: dict[str, str] = {"sante-agent": "u1"}
        self.roles: dict[str, str] = {"member": "r1"}
        self.asked: list[str] = []
        self.down = False

    def pages(self, service: str, path: str, key: str, params: dict[str, str]) -> list[dict[str, str]]:
        if self.down:
            raise CloudError("DCCTL-402", service="Keystone", action=f"GET {path}", status=None, words="")
        self.asked.append(f"{key} {params['name']}")
        if key == "domains":
            return [ASIN] if params["name"] == "asin" else []
        found = (self.users if key == "users" else self.roles).get(params["name"])
        return [{"id": found, "name": params["name"]}] if found else []


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def keystone():
    return Keystone()


@pytest.fixture
def people(clock):
    return Directory(clock=clock)


def test_who_was_found_is_known_for_a_minute_even_while_keystone_is_away(people, keystone, clock):
    found = people.user(keystone, "sante-agent", ["asin"])
    keystone.down = True

    clock.now += directory.SECONDS - 1
    assert people.user(keystone, "sante-agent", ["asin"]) == found
    clock.now += 2
    with pytest.raises(CloudError):
        people.user(keystone, "sante-agent", ["asin"])


def test_who_was_not_found_is_asked_for_each_time(people, keystone):
    assert people.user(keystone, "sante-stagiaire", ["asin"]) is None
    keystone.users["sante-stagiaire"] = "u2"
    assert people.user(keystone, "sante-stagiaire", ["asin"]).id == "u2"


def test_of_several_only_those_that_are_not_known_are_asked_for(people, keystone):
    people.user(keystone, "sante-agent", ["asin"])
    keystone.users["sante-lead"] = "u3"
    keystone.asked.clear()

    found = dict(people.users(keystone, ["sante-lead", "sante-agent"], ["asin"]))

    assert {name: user.id for name, user in found.items()} == {"sante-agent": "u1", "sante-lead": "u3"}
    assert keystone.asked == ["domains asin", "users sante-lead"]


def test_the_same_name_elsewhere_is_somebody_else(people, keystone):
    people.user(keystone, "sante-agent", ["asin"])
    assert people.user(keystone, "sante-agent", ["min-justice"]) is None


def test_a_role_is_known_for_a_minute_and_a_missing_one_never(people, keystone, clock):
    assert people.role(keystone, "admin") is None
    assert [people.role(keystone, "member") for _ in range(3)] == ["r1"] * 3
    assert keystone.asked == ["roles admin", "roles member"]
    clock.now += directory.SECONDS
    people.role(keystone, "member")
    assert keystone.asked[-1] == "roles member"
    assert len(keystone.asked) == 3


def test_what_is_kept_is_bounded(people, keystone, monkeypatch):
    monkeypatch.setattr(directory, "MOST", 2)
    for name in ("sante-agent", "sante-lead", "justice-lead"):
        keystone.users[name] = name
        people.user(keystone, name, ["asin"])
    keystone.asked.clear()
    people.user(keystone, "justice-lead", ["asin"])
    assert keystone.asked == []
    people.user(keystone, "sante-agent", ["asin"])
    assert keystone.asked != []
