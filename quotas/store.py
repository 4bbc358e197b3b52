"""The ledger in PostgreSQL: posting, balances, history. All SQL of the ledger's users is here; its tables and functions are in `quotas.schema`.

Every function takes the caller's connection or session and commits nothing: the caller owns the transaction, which stays usable when a posting
is refused. Post once in a transaction, with all its moves: two calls would take their locks in an order of their own.
Reads see what the caller's transaction sees. Amounts are whole numbers of the resource's unit.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, text
from sqlalchemy.orm import Session

from quotas.ledger import (
    Actor,
    Balance,
    Cause,
    CauseKind,
    Fault,
    Holder,
    HolderKind,
    Kind,
    Move,
    MovesRefused,
    Place,
    QuotaExceeded,
    Shortfall,
)
from quotas.resources import in_order

Database = Connection | Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """What was posted: its number, the ids of its entries in the order of the moves, and both its times."""

    id: int
    entries: tuple[int, ...]
    recorded_at: datetime
    effective_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView:
    """An entry as people read it; `source` and `target` are names of holders."""

    id: int
    posting: int
    kind: Kind
    source: str
    source_place: Place
    target: str
    target_place: Place
    region: str
    resource: str
    amount: int
    reference: str | None
    reverses: int | None
    effective_at: datetime
    recorded_at: datetime
    actor: Actor
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Units set aside for a reference; `expires_at` None: for ever."""

    reference: str
    holder: Holder
    region: str
    resource: str
    amount: int
    state: str
    expires_at: datetime | None
    opened_entry: int
    closed_entry: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderBalance:
    """One line of the whole table of balances."""

    holder: Holder
    region: str
    resource: str
    balance: Balance


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What the datacenter has of one resource: declared = available + held + granted."""

    declared: int
    available: int
    held: int
    granted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A figure that the entries do not bear out: what it is about, what is stored, what the entries say."""

    subject: str
    stored: int
    rebuilt: int


def _bare(database: Database) -> Connection:
    return database.connection() if isinstance(database, Session) else database


def _rows(database: Database, statement: str, **values: object) -> Sequence[RowMapping]:
    return _bare(database).execute(text(statement), values).mappings().all()


# -- holders -----------------------------------------------------------------------------------------------------------------------------

_HOLDER = """h.id, h.kind, h.code, h.parent_id,
    CASE h.kind WHEN 'environment' THEN (SELECT p.code FROM quotas.holder p WHERE p.id = h.parent_id) || '/' || h.code ELSE h.code END AS name"""


def _holder(row: RowMapping) -> Holder:
    return Holder(
        id=row["id"],
        kind=HolderKind(row["kind"]),
        code=row["code"],
        parent_id=row["parent_id"],
        name=row["name"],
    )


def open_holder(database: Database, kind: HolderKind, code: str, parent: Holder) -> Holder:
    """Open an administration (below the pool or another administration) or an environment; the same again is the same holder.

    Raises:
        MovesRefused: the code is taken elsewhere in the tree or is not one, or the parent cannot have such a child.
    """
    answer = _bare(database).exec_driver_sql("SELECT quotas.open_holder(%s, %s, %s)", (str(kind), code, parent.id)).scalar_one()
    _refuse_faults(answer)
    return get_holder(database, answer["holder"])


def get_holder(database: Database, holder_id: int) -> Holder:
    """The holder of that id, which exists."""
    return _holder(_bare(database).execute(text(f"SELECT {_HOLDER} FROM quotas.holder h WHERE h.id = :id"), {"id": holder_id}).mappings().one())


def find_holder(database: Database, name: str) -> Holder | None:
    """The holder that people call ``pool``, ``min-sante`` or ``min-sante/dossier-patient``."""
    code, slash, environment = name.partition("/")
    if slash:
        statement = f"""SELECT {_HOLDER} FROM quotas.holder h JOIN quotas.holder p ON p.id = h.parent_id
            WHERE p.kind = 'administration' AND p.code = :code AND h.kind = 'environment' AND h.code = :environment"""
    else:
        statement = f"SELECT {_HOLDER} FROM quotas.holder h WHERE h.kind <> 'environment' AND h.code = :code ORDER BY h.id LIMIT 1"
    rows = _rows(database, statement, code=code, environment=environment)
    return _holder(rows[0]) if rows else None


def children(database: Database, holder: Holder, kind: HolderKind | None = None) -> list[Holder]:
    """The holders directly below, by name."""
    statement = f"SELECT {_HOLDER} FROM quotas.holder h WHERE h.parent_id = :id AND (:kind = '' OR h.kind = :kind) ORDER BY h.code"
    return [_holder(row) for row in _rows(database, statement, id=holder.id, kind=str(kind or ""))]


def subtree(database: Database, holder: Holder, kind: HolderKind | None = None) -> list[Holder]:
    """The holder and everyone below it, at any depth, by name."""
    statement = f"""{_SUBTREE} SELECT {_HOLDER} FROM quotas.holder h JOIN below USING (id) WHERE :kind = '' OR h.kind = :kind ORDER BY name"""
    return [_holder(row) for row in _rows(database, statement, holder=holder.id, kind=str(kind or ""))]


# -- posting -----------------------------------------------------------------------------------------------------------------------------


def post(database: Database, moves: Iterable[Move], *, actor: Actor, cause: Cause, effective_at: datetime | None = None) -> Posting:
    """Post all of the moves or none, in one call of the database.

    Args:
        effective_at: since when it counts; by default now. Never ahead of the database's clock.

    Raises:
        QuotaExceeded: accounts fall short; every one is named. Nothing has changed and the transaction goes on.
        MovesRefused: moves break a rule; every one is named. Likewise.
    """
    statement, values = call(list(moves), actor=actor, cause=cause, effective_at=effective_at)
    return answer(database, _bare(database).exec_driver_sql(statement, values).scalar_one())


def call(wanted: Sequence[Move], *, actor: Actor, cause: Cause, effective_at: datetime | None = None) -> tuple[str, tuple[object, ...]]:
    """The statement of a posting with its values, in the driver's form; for who sends several at a time. What comes back is for `answer`."""
    plain = _plain(wanted)
    if plain is None:
        return _GENERAL, (json.dumps([_wire(move) for move in wanted]), _actor(actor), _cause(cause), effective_at)
    who = (actor.user_id, actor.user_name, actor.scope, actor.audit_id)
    return _PLAIN, (*plain, *who, cause.kind.value, cause.reference, cause.document, effective_at)


def answer(database: Database, told: Mapping[str, Any]) -> Posting:
    """What the database said to a posting: that it is posted, or why not, as `post` raises it."""
    _refuse_faults(told)
    if "shortfalls" in told:
        raise QuotaExceeded(_shortfalls(database, told["shortfalls"]))
    return Posting(
        id=told["posting"],
        entries=tuple(told["entries"]),
        recorded_at=datetime.fromisoformat(told["recorded_at"]),
        effective_at=datetime.fromisoformat(told["effective_at"]),
    )


def keep_holds(database: Database, reference: str, expires_at: datetime | None = None) -> int:
    """Let the open holds of a reference run until `expires_at`, or for ever; return how many they are.

    Raises:
        MovesRefused: there is none, or its time has passed.
    """
    answer = _bare(database).exec_driver_sql("SELECT quotas.keep_holds(%s, %s)", (reference, expires_at)).scalar_one()
    _refuse_faults(answer)
    kept: int = answer["holds"]
    return kept


_GENERAL = "SELECT quotas.post(%s, %s, %s, %s)"
_PLAIN = f"SELECT quotas.post({', '.join(['%s'] * 4)}, %s::text[], %s::bigint[], {', '.join(['%s'] * 10)})"


def _plain(moves: Sequence[Move]) -> tuple[object, ...] | None:
    """The arguments of a demand: moves that differ in resource and amount only. None: they are something else, for the general `post()`."""
    if not moves or moves[0].reverses is not None:
        return None
    first = moves[0]
    same = (first.kind, first.payer, first.beneficiary, first.region, first.reference, first.expires_at, None)
    resources, amounts = [], []
    for move in moves:
        if (move.kind, move.payer, move.beneficiary, move.region, move.reference, move.expires_at, move.reverses) != same:
            return None
        if not isinstance(move.amount, int) or abs(move.amount) >= 2**63:
            return None
        resources.append(move.resource)
        amounts.append(move.amount)
    return (first.kind.value, first.payer, first.beneficiary, first.region, resources, amounts, first.reference, first.expires_at)


def _wire(move: Move) -> dict[str, object]:
    wire: dict[str, object] = {"kind": move.kind}
    if move.reverses is not None:
        wire["reverses"] = move.reverses
        return wire
    wire |= {"payer": move.payer, "beneficiary": move.beneficiary, "region": move.region, "resource": move.resource, "amount": move.amount}
    if move.reference is not None:
        wire["reference"] = move.reference
    if move.expires_at is not None:
        wire["expires_at"] = move.expires_at.isoformat()
    return wire


def _actor(actor: Actor) -> str:
    return json.dumps({"user_id": actor.user_id, "user_name": actor.user_name, "scope": actor.scope, "audit_id": actor.audit_id})


def _cause(cause: Cause) -> str:
    return json.dumps({"kind": cause.kind, "reference": cause.reference, "document": cause.document})


def _refuse_faults(answer: Mapping[str, Any]) -> None:
    if "faults" in answer:
        raise MovesRefused([Fault(move=fault["move"], code=fault["code"], detail=fault["detail"]) for fault in answer["faults"]])


def _shortfalls(database: Database, told: Sequence[Mapping[str, Any]]) -> list[Shortfall]:
    """The accounts that fall short, with the names of their holders, which one query asks for."""
    statement = f"SELECT {_HOLDER} FROM quotas.holder h WHERE h.id = ANY (:ids)"
    names = {row["id"]: row["name"] for row in _rows(database, statement, ids=sorted({short["holder"] for short in told}))}
    return [
        Shortfall(
            holder=names[short["holder"]],
            holder_id=short["holder"],
            region=short["region"],
            place=Place(short["place"]),
            resource=short["resource"],
            asked=short["asked"],
            available=short["available"],
        )
        for short in told
    ]


# -- balances ----------------------------------------------------------------------------------------------------------------------------

_SUBTREE = """WITH RECURSIVE below (id) AS (
    SELECT CAST(:holder AS bigint) UNION ALL SELECT h.id FROM quotas.holder h JOIN below ON h.parent_id = below.id)"""

#: The tree as it was: of each holder the edge in force at that moment, as it was known; before its first edge, that one.
_SUBTREE_THEN = """WITH RECURSIVE below (id) AS (
    SELECT CAST(:holder AS bigint) UNION ALL
    SELECT e.holder_id FROM below JOIN LATERAL (SELECT * FROM quotas.holder_edge i WHERE i.parent_id = below.id OFFSET 0) e ON true
    WHERE (CAST(:known_at AS timestamptz) IS NULL OR e.recorded_at <= :known_at)
        AND NOT EXISTS (SELECT FROM quotas.holder_edge l WHERE l.holder_id = e.holder_id AND l.effective_from > e.effective_from
            AND l.effective_from <= :as_of AND (CAST(:known_at AS timestamptz) IS NULL OR l.recorded_at <= :known_at))
        AND (e.effective_from <= :as_of
            OR NOT EXISTS (SELECT FROM quotas.holder_edge f WHERE f.holder_id = e.holder_id AND f.effective_from < e.effective_from)))"""

#: Units never leave a subtree but by a transfer to the parent, so what it was granted is what all of it still has.
_SUMS = """coalesce(sum(b.balance) FILTER (WHERE h.id = :holder AND b.place = 'available'), 0)::bigint AS available,
    coalesce(sum(b.balance) FILTER (WHERE h.id = :holder AND b.place = 'held'), 0)::bigint AS held,
    coalesce(sum(b.balance) FILTER (WHERE b.place = 'allocated' AND (h.id = :holder OR h.parent_id = :holder)), 0)::bigint AS allocated,
    coalesce(sum(b.balance) FILTER (WHERE b.place <> 'declared'), 0)::bigint AS granted"""

#: Nobody can tell the planner how few holders are below another one, and it would read all holders and accounts: OFFSET 0 keeps it to the indexes.
_BELOW = """below JOIN LATERAL (SELECT o.id, o.parent_id FROM quotas.holder o WHERE o.id = below.id OFFSET 0) h ON true"""

_BALANCES_NOW = f"""{_SUBTREE}
    SELECT b.resource, {_SUMS} FROM {_BELOW} JOIN LATERAL (
        SELECT a.resource, a.place, a.balance FROM quotas.account a WHERE a.holder_id = h.id AND (:region = '' OR a.region = :region) OFFSET 0
    ) b ON true GROUP BY b.resource"""

_BALANCES_THEN = f"""{_SUBTREE_THEN}
    SELECT b.resource, {_SUMS} FROM {_BELOW} JOIN LATERAL (
        SELECT a.resource, a.place,
            coalesce((SELECT sum(e.amount) FROM quotas.entry e WHERE e.credit_account = a.id AND e.effective_at <= :as_of{{known}}), 0)
            - coalesce((SELECT sum(e.amount) FROM quotas.entry e WHERE e.debit_account = a.id AND e.effective_at <= :as_of{{known}}), 0) AS balance
        FROM quotas.account a WHERE a.holder_id = h.id AND (:region = '' OR a.region = :region) OFFSET 0
    ) b ON true GROUP BY b.resource"""

#: In the light of all that is recorded the index alone is read; when something was recorded only the entries know.
_THEN_AS_KNOWN_NOW = _BALANCES_THEN.format(known="")
_THEN_AS_KNOWN_THEN = _BALANCES_THEN.format(known=" AND e.recorded_at <= :known_at")


def balances(
    database: Database, holder: Holder, region: str | None = None, as_of: datetime | None = None, known_at: datetime | None = None
) -> dict[str, Balance]:
    """What a holder has, by resource: of the whole tree below it only `granted` tells.

    Args:
        region: None adds the regions up.
        as_of: by effective time, in the light of everything recorded since (and of nothing recorded after `known_at`).
    """
    then = {} if as_of is None else {"as_of": as_of, "known_at": known_at}
    statement = _BALANCES_NOW if not then else _THEN_AS_KNOWN_NOW if known_at is None else _THEN_AS_KNOWN_THEN
    rows = _rows(database, statement, holder=holder.id, region=region or "", **then)
    found = {row["resource"]: row for row in rows}
    return {resource: _balance(found[resource]) for resource in in_order(found)}


def _balance(row: RowMapping) -> Balance:
    return Balance(available=row["available"], held=row["held"], allocated=row["allocated"], granted=row["granted"])


def available(database: Database, code: str, region: str) -> dict[str, int]:
    """What the pool or an administration may still give or ask from, by resource: the part of its `balances` that asks of no other holder."""
    statement = """SELECT a.resource, a.balance FROM quotas.holder h JOIN quotas.account a ON a.holder_id = h.id
        WHERE h.kind <> 'environment' AND h.code = :code AND a.place = 'available' AND a.region = :region"""
    return {row["resource"]: row["balance"] for row in _rows(database, statement, code=code, region=region)}


#: Of every holder in every region; a query, as is `CAPACITIES`, so that a view may be made of it.
ALL_BALANCES = f"""WITH RECURSIVE up (id, ancestor) AS (
        SELECT id, id FROM quotas.holder UNION ALL SELECT up.id, h.parent_id FROM up JOIN quotas.holder h ON h.id = up.ancestor
        WHERE h.parent_id IS NOT NULL
    ), figures AS (
        SELECT up.ancestor AS holder_id, a.region, a.resource,
            coalesce(sum(a.balance) FILTER (WHERE up.id = up.ancestor AND a.place = 'available'), 0)::bigint AS available,
            coalesce(sum(a.balance) FILTER (WHERE up.id = up.ancestor AND a.place = 'held'), 0)::bigint AS held,
            coalesce(sum(a.balance) FILTER (WHERE a.place = 'allocated' AND (up.id = up.ancestor OR c.parent_id = up.ancestor)), 0)::bigint
                AS allocated,
            coalesce(sum(a.balance) FILTER (WHERE a.place <> 'declared'), 0)::bigint AS granted
        FROM up JOIN quotas.holder c ON c.id = up.id JOIN quotas.account a ON a.holder_id = up.id
        GROUP BY up.ancestor, a.region, a.resource
    )
    SELECT {_HOLDER}, f.region, f.resource, f.available, f.held, f.allocated, f.granted FROM figures f JOIN quotas.holder h ON h.id = f.holder_id"""

#: Of the datacenter by region and resource.
CAPACITIES = """SELECT a.region, a.resource, -sum(a.balance) FILTER (WHERE a.place = 'declared')::bigint AS declared,
        coalesce(sum(a.balance) FILTER (WHERE a.holder_kind = 'pool' AND a.place = 'available'), 0)::bigint AS available,
        coalesce(sum(a.balance) FILTER (WHERE a.holder_kind = 'pool' AND a.place = 'held'), 0)::bigint AS held
    FROM quotas.account a WHERE a.holder_kind IN ('world', 'pool') GROUP BY a.region, a.resource"""


def all_balances(database: Database, kind: HolderKind, *, view: str = f"({ALL_BALANCES})") -> list[HolderBalance]:
    """The balances of every holder of one kind, in every region, in one statement; `view` is one of `ALL_BALANCES`."""
    statement = f"SELECT * FROM {view} b WHERE b.kind = :kind ORDER BY b.name, b.region, b.resource"
    return [
        HolderBalance(holder=_holder(row), region=row["region"], resource=row["resource"], balance=_balance(row))
        for row in _rows(database, statement, kind=str(kind))
    ]


def capacity(database: Database, region: str | None = None, *, view: str = f"({CAPACITIES})") -> dict[str, Capacity]:
    """What the datacenter has, by resource; no region adds the regions up. `view` is one of `CAPACITIES`."""
    statement = f"""SELECT c.resource, sum(c.declared)::bigint AS declared, sum(c.available)::bigint AS available, sum(c.held)::bigint AS held
        FROM {view} c WHERE :region = '' OR c.region = :region GROUP BY c.resource"""
    found = {row["resource"]: row for row in _rows(database, statement, region=region or "")}
    return {
        resource: Capacity(
            declared=row["declared"], available=row["available"], held=row["held"], granted=row["declared"] - row["available"] - row["held"]
        )
        for resource in in_order(found)
        for row in [found[resource]]
    }


# -- holds and history -------------------------------------------------------------------------------------------------------------------

_HOLDS = f"""SELECT o.reference, o.region, o.resource, o.amount, o.state, o.expires_at, o.opened_entry, o.closed_entry, {_HOLDER}
    FROM quotas.hold o JOIN quotas.holder h ON h.id = o.holder_id"""


def holds(database: Database, reference: str) -> list[Hold]:
    """Every hold that a reference ever had, oldest first, with its state."""
    return [_hold(row) for row in _rows(database, f"{_HOLDS} WHERE o.reference = :reference ORDER BY o.opened_entry", reference=reference)]


def open_holds(database: Database, *, reference: str | None = None, holder: Holder | None = None) -> list[Hold]:
    """The holds that are neither consumed, released nor expired: of a reference, of a holder, or all."""
    statement = f"""{_HOLDS} WHERE o.state = 'open' AND (CAST(:reference AS text) IS NULL OR o.reference = :reference)
        AND (CAST(:holder AS bigint) IS NULL OR o.holder_id = :holder) ORDER BY o.opened_entry"""
    return [_hold(row) for row in _rows(database, statement, reference=reference, holder=holder.id if holder else None)]


def due_holds(database: Database, limit: int = 500) -> list[Hold]:
    """Open holds whose time has passed by the database's clock, longest ago first."""
    statement = f"{_HOLDS} WHERE o.state = 'open' AND o.expires_at <= clock_timestamp() ORDER BY o.expires_at, o.opened_entry LIMIT :limit"
    return [_hold(row) for row in _rows(database, statement, limit=limit)]


def ending(kind: Kind, ended: Iterable[Hold], environment: Holder | None = None) -> list[Move]:
    """The moves that release, expire or allocate these holds; allocating names the environment that receives them."""
    return [
        Move(
            kind=kind,
            payer=hold.holder.id,
            beneficiary=hold.holder.id if environment is None else environment.id,
            region=hold.region,
            resource=hold.resource,
            amount=hold.amount,
            reference=hold.reference,
        )
        for hold in ended
    ]


def _hold(row: RowMapping) -> Hold:
    return Hold(
        reference=row["reference"],
        holder=_holder(row),
        region=row["region"],
        resource=row["resource"],
        amount=row["amount"],
        state=row["state"],
        expires_at=row["expires_at"],
        opened_entry=row["opened_entry"],
        closed_entry=row["closed_entry"],
    )


_NAME_OF = (
    "CASE {0}.kind WHEN 'environment' THEN (SELECT p.code FROM quotas.holder p WHERE p.id = {0}.parent_id) || '/' || {0}.code ELSE {0}.code END"
)


def history(database: Database, holder: Holder, region: str | None = None, after: int | None = None, limit: int = 100) -> list[EntryView]:
    """The transfers from and to a holder, newest first.

    Args:
        after: the id of the last entry of the page before; None: the first page.
    """
    statement = f"""WITH mine AS (SELECT id FROM quotas.account WHERE holder_id = :holder AND (:region = '' OR region = :region)),
        picked AS (
            SELECT e.id FROM mine CROSS JOIN LATERAL
                (SELECT id FROM quotas.entry WHERE debit_account = mine.id AND id < :after ORDER BY id DESC LIMIT :limit) e
            UNION SELECT e.id FROM mine CROSS JOIN LATERAL
                (SELECT id FROM quotas.entry WHERE credit_account = mine.id AND id < :after ORDER BY id DESC LIMIT :limit) e
            ORDER BY id DESC LIMIT :limit
        )
        SELECT e.*, {_NAME_OF.format("s")} AS source, d.place AS source_place, {_NAME_OF.format("t")} AS target, c.place AS target_place
        FROM picked JOIN quotas.entry e USING (id)
        JOIN quotas.account d ON d.id = e.debit_account JOIN quotas.holder s ON s.id = d.holder_id
        JOIN quotas.account c ON c.id = e.credit_account JOIN quotas.holder t ON t.id = c.holder_id
        ORDER BY e.id DESC"""
    newest = 2**63 - 1
    rows = _rows(database, statement, holder=holder.id, region=region or "", after=newest if after is None else after, limit=limit)
    return [_entry(row) for row in rows]


def _entry(row: RowMapping) -> EntryView:
    return EntryView(
        id=row["id"],
        posting=row["posting"],
        kind=Kind(row["kind"]),
        source=row["source"],
        source_place=Place(row["source_place"]),
        target=row["target"],
        target_place=Place(row["target_place"]),
        region=row["region"],
        resource=row["resource"],
        amount=row["amount"],
        reference=row["reference"],
        reverses=row["reverses"],
        effective_at=row["effective_at"],
        recorded_at=row["recorded_at"],
        actor=Actor(user_id=row["actor_id"], user_name=row["actor_name"], scope=row["actor_scope"], audit_id=row["actor_audit_id"]),
        cause=Cause(kind=CauseKind(row["cause_kind"]), reference=row["cause_reference"], document=row["document"]),
    )


def of_reference(database: Database, reference: str, holder: Holder | None = None, entries: Sequence[int] = ()) -> list[EntryView]:
    """The transfers that a request caused, oldest first: those of its holds, those of `holder` that name it, and the `entries` that are known to be.

    Args:
        holder: one with few accounts and entries, such as an environment; there is no index of all causes, for each posting would pay for it.
    """
    statement = f"""WITH picked AS (
            SELECT opened_entry AS id FROM quotas.hold WHERE reference = :reference
            UNION SELECT closed_entry FROM quotas.hold WHERE reference = :reference AND closed_entry IS NOT NULL
            UNION SELECT e.id FROM quotas.account a JOIN quotas.entry e ON a.id = e.debit_account
                WHERE a.holder_id = :holder AND e.cause_reference = :reference
            UNION SELECT e.id FROM quotas.account a JOIN quotas.entry e ON a.id = e.credit_account
                WHERE a.holder_id = :holder AND e.cause_reference = :reference
            UNION SELECT unnest(CAST(:entries AS bigint[]))
        )
        SELECT e.*, {_NAME_OF.format("s")} AS source, d.place AS source_place, {_NAME_OF.format("t")} AS target, c.place AS target_place
        FROM picked JOIN quotas.entry e USING (id)
        JOIN quotas.account d ON d.id = e.debit_account JOIN quotas.holder s ON s.id = d.holder_id
        JOIN quotas.account c ON c.id = e.credit_account JOIN quotas.holder t ON t.id = c.holder_id
        ORDER BY e.id"""
    rows = _rows(database, statement, reference=reference, holder=holder.id if holder is not None else 0, entries=list(entries))
    return [_entry(row) for row in rows]


# -- proof -------------------------------------------------------------------------------------------------------------------------------


def differences(database: Database) -> list[Difference]:
    """Compare what is stored with what the entries and holds add up to, from zero; an empty list is what should come.

    Balances equal their entries; what is held equals the open holds; in each region every resource adds up to nothing, the world included.
    """
    statement = """WITH flow AS (
            SELECT account, sum(amount) AS amount FROM (
                SELECT credit_account AS account, amount FROM quotas.entry UNION ALL SELECT debit_account, -amount FROM quotas.entry) t
            GROUP BY account
        ), open AS (
            SELECT holder_id, region, resource, sum(amount) AS amount FROM quotas.hold WHERE state = 'open' GROUP BY holder_id, region, resource
        )
        SELECT concat_ws(' ', 'balance', a.holder_id, a.region, a.resource, a.place) AS subject, a.balance AS stored, coalesce(f.amount, 0) AS rebuilt
        FROM quotas.account a LEFT JOIN flow f ON f.account = a.id WHERE a.balance <> coalesce(f.amount, 0)
        UNION ALL SELECT concat_ws(' ', 'held', a.holder_id, a.region, a.resource), a.balance, coalesce(o.amount, 0)
        FROM quotas.account a LEFT JOIN open o USING (holder_id, region, resource) WHERE a.place = 'held' AND a.balance <> coalesce(o.amount, 0)
        UNION ALL SELECT concat_ws(' ', 'sum', region, resource), sum(balance), 0
        FROM quotas.account GROUP BY region, resource HAVING sum(balance) <> 0
        ORDER BY 1"""
    return [Difference(subject=row["subject"], stored=int(row["stored"]), rebuilt=int(row["rebuilt"])) for row in _rows(database, statement)]
