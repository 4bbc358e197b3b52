"""Fills a ledger with a datacenter's years, by posting: administrations, environments, and transfers to and fro. For measuring and for plans."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from quotas import store
from quotas.ledger import POOL, WORLD, Actor, Cause, CauseKind, Holder, HolderKind, Kind, Move, allocate, declare, free, grant, hold

REGION = "cotonou"
RESOURCES = ("cores", "ram", "gigabytes")
DEMAND = dict.fromkeys(RESOURCES, 2)
#: A ministry has some ten environments, whatever the size of the datacenter: more of them are more ministries and communes.
ENVIRONMENTS_OF_AN_ADMINISTRATION = 10
#: Moves of one posting: as many as go well into one statement.
BATCH = 120
OPERATOR = Actor(user_id="0a71", user_name="operateur", scope="project:asin/exploitation")
ACT = Cause(kind=CauseKind.ACT, reference="A-2026-0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What is in the ledger; `middle` is a moment with half of the entries before it."""

    administrations: tuple[Holder, ...]
    environments: tuple[Holder, ...]
    entries: int
    middle: datetime


def fill(connection: Connection, *, environments: int, entries: int) -> Filled:
    """Open the holders, give everybody plenty, then let environments obtain and give back until there are so many entries."""
    administrations: list[Holder] = []
    opened: list[Holder] = []
    for number in range(environments):
        if number % ENVIRONMENTS_OF_AN_ADMINISTRATION == 0:
            administrations.append(store.open_holder(connection, HolderKind.ADMINISTRATION, f"commune-{len(administrations)}", POOL))
        opened.append(store.open_holder(connection, HolderKind.ENVIRONMENT, f"plateforme-{number}", administrations[-1]))
    connection.commit()
    parents = {administration.id: administration for administration in administrations}
    written, middle = 0, None

    def post(moves: list[Move]) -> None:
        nonlocal written, middle
        for at in range(0, len(moves), BATCH):
            posting = store.post(connection, moves[at : at + BATCH], actor=OPERATOR, cause=ACT)
            connection.commit()
            written += len(posting.entries)
            if middle is None and written >= entries // 2:
                middle = posting.recorded_at

    post(declare(WORLD, POOL, REGION, dict.fromkeys(RESOURCES, 2**50)))
    post([move for administration in administrations for move in grant(POOL, administration, REGION, dict.fromkeys(RESOURCES, 2**30))])
    for kind, turn in turns():
        if written >= entries:
            break
        moves: list[Move] = []
        for environment in opened:
            parent = parents[environment.parent_id or 0]
            reference = f"R-{turn}-{environment.id}"
            match kind:
                case Kind.HOLD:
                    moves += hold(parent, REGION, DEMAND, reference)
                case Kind.ALLOCATE:
                    moves += allocate(parent, environment, REGION, DEMAND, reference)
                case _:
                    moves += free(environment, parent, REGION, DEMAND)
        post(moves[: entries - written])
    assert middle is not None
    return Filled(administrations=tuple(administrations), environments=tuple(opened), entries=written, middle=middle)


def turns() -> Iterator[tuple[Kind, int]]:
    """Everybody asks, obtains, gives back; again and again."""
    turn = 0
    while True:
        turn += 1
        yield from ((kind, turn) for kind in (Kind.HOLD, Kind.ALLOCATE, Kind.FREE))
