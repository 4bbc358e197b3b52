"""False tokens: so many of an address are asked of Keystone, a right one goes on, and the trail is not filled by them."""

from collections.abc import Iterable
from typing import Any

import pytest

from dcctl.api.door import Doubtful
from dcctl.api.doubt import EVENTS_A_MINUTE, FALSE_A_MINUTE, SECONDS, Doubt, Told
from dcctl.api.front import ADMITTED
from dcctl.errors import DcctlError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Keystone:
    """Stands where the token check stands, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.down = False

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        token = environ.get("HTTP_X_AUTH_TOKEN", "")
        self.asked.append(token)
        environ[ADMITTED] = token.startswith("right") and not self.down
        start_response("200 OK" if environ[ADMITTED] else "503 Service Unavailable" if self.down else "401 Unauthorized", [])
        return [b""]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keystone() -> Keystone:
    return Keystone()


@pytest.fixture
def door(keystone: Keystone, clock: Clock) -> Doubtful:
    return Doubtful(keystone, Doubt(clock=clock))


def send(door: Doubtful, token: str | None, address: str = "192.0.2.7") -> str:
    environ: dict[str, Any] = {"REMOTE_ADDR": address} | ({"HTTP_X_AUTH_TOKEN": token} if token else {})
    told: list[str] = []
    try:
        door(environ, lambda line, headers, exc=None: told.append(line))
    except DcctlError as error:
        return error.code
    return told[0][:3]


def test_a_flood_of_false_tokens_reaches_keystone_once_a_second(door: Doubtful, keystone: Keystone, clock: Clock) -> None:
    answers = [send(door, f"false-{n}") for n in range(1000)]

    assert (answers.count("401"), answers.count("DCCTL-617"), len(keystone.asked)) == (FALSE_A_MINUTE, 1000 - FALSE_A_MINUTE, FALSE_A_MINUTE)
    clock.now += 10
    assert [send(door, f"later-{n}") for n in range(1000)].count("401") == FALSE_A_MINUTE // 6


def test_who_was_right_a_moment_ago_goes_on_and_another_address_notices_nothing(door: Doubtful, clock: Clock) -> None:
    assert send(door, "right-lead") == "200"
    for n in range(200):
        send(door, f"false-{n}")

    assert send(door, "right-lead") == "200"
    assert send(door, "right-agent") == "DCCTL-617"  # nobody knows yet that it is right
    assert send(door, "right-agent", "198.51.100.4") == "200"
    clock.now += 1
    assert send(door, "right-agent") == "200"


def test_right_tokens_cost_nothing_and_no_token_is_nobodys_doubt(door: Doubtful, keystone: Keystone) -> None:
    assert {send(door, f"right-{n}") for n in range(500)} == {"200"}
    assert {send(door, None) for _ in range(500)} == {"401"}
    assert send(door, "false") == "401"


def test_a_keystone_that_does_not_answer_makes_nobody_a_liar(door: Doubtful, keystone: Keystone) -> None:
    keystone.down = True
    assert {send(door, f"right-{n}") for n in range(500)} == {"503"}
    keystone.down = False
    assert send(door, "right-1") == "200"


def test_a_token_that_was_revoked_or_is_old_is_doubted_again(door: Doubtful, keystone: Keystone, clock: Clock) -> None:
    assert send(door, "right-lead") == "200"
    door.doubt.false("right-lead")
    for n in range(FALSE_A_MINUTE):
        send(door, f"false-{n}")
    assert send(door, "right-lead") == "DCCTL-617"

    clock.now += 60
    assert send(door, "right-agent") == "200"
    clock.now += SECONDS
    for n in range(FALSE_A_MINUTE):
        send(door, f"false-{n}")
    assert send(door, "right-agent") == "DCCTL-617"


def test_the_trail_gets_so_many_events_a_minute_and_the_number_of_the_others(clock: Clock) -> None:
    told = Told(clock=clock)

    assert [told.one("nobody") for _ in range(EVENTS_A_MINUTE)] == [0] * EVENTS_A_MINUTE
    assert {told.one("nobody") for _ in range(500)} == {None}
    assert told.one("id-lead") == 0
    clock.now += 60 / EVENTS_A_MINUTE
    assert (told.one("nobody"), told.one("nobody")) == (500, None)
