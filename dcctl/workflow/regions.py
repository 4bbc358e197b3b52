"""The mode of a region, and how it gets to *observe* by itself: when the ledger is behind what this worker has seen of it.

A database that was restored knows less than OpenStack has; so nothing may be written from it until a person has looked at every difference: no
limit, no operation begins or is taken up again, no environment's end stops a server. The worker looks before it takes its first job, and again before
each operation. It keeps the newest entry that it has seen in a file of its own state directory, which no backup of the database brings back.
"""

import json
import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import text
from sqlmodel import Session

from dcctl import signature
from dcctl.errors import DcctlError
from dcctl.schemas import API_VERSION, RegionModeIn
from dcctl.store import RegionMode, now
from dcctl.words import N_
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from dcctl.workflow.holding import ITSELF
from quotas import proof

OBSERVE, ENFORCE = "observe", "enforce"
DAMAGED = N_("it is damaged")
#: What dcctl does by itself is said by this actor.
DCCTL = {"user_id": ITSELF.user_id, "user": ITSELF.user_name}
_NEWEST = "SELECT id, md5(kind || ':' || amount || ':' || resource || ':' || recorded_at) FROM quotas.entry ORDER BY id DESC LIMIT 1"
_THERE = "SELECT md5(kind || ':' || amount || ':' || resource || ':' || recorded_at) FROM quotas.entry WHERE id = :id"

_LIVING = text("SELECT EXISTS (SELECT FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => :seconds))")

log = structlog.get_logger("dcctl.workflow.regions")


def show(app: App) -> dict[str, Any]:
    """The region and its mode: `schemas.RegionOut`."""
    with app.reading() as session:
        return _document(app, session.get(RegionMode, app.region))


def set_mode(app: App, actor: Actor, body: RegionModeIn) -> dict[str, Any]:
    """From now on reconciling only looks, or may write."""
    with app.transaction() as session:
        found = session.merge(RegionMode(region=app.region, mode=body.mode, reason=body.reason, finding=None, actor=actor.document(), since=now()))
        return _document(app, found)


def require_enforce(app: App, session: Session) -> None:
    """Return when limits may be written.

    Raises:
        DcctlError: DCCTL-560, the region is in observe.
    """
    if observes(app, session):
        found = session.get_one(RegionMode, app.region)
        raise DcctlError("DCCTL-560", region=app.region, reason=found.finding or found.reason)


def observes(app: App, session: Session) -> bool:
    """Whether nothing may be written to OpenStack in the region; the mode as it is committed now, and not as the session saw it before."""
    return observes_since(app, session) is not None


def observes_since(app: App, session: Session) -> datetime | None:
    """Since when nothing may be written; None where it may."""
    found = session.get(RegionMode, app.region, populate_existing=True)
    return found.since if found is not None and found.mode == OBSERVE else None


def begin(app: App) -> bool:
    """What a worker does before it takes its first job: `watch`, and besides see that it can know whether the ledger is whole.

    The region observes when the chain does not lead to the checkpoint that the worker was given (`worker.checkpoint`), and when this worker
    remembers nothing of a ledger that has entries, while no other worker lives that would.

    Raises:
        DcctlError: 543, the checkpoint cannot be read; 563.
    """
    kept = app.settings.worker.checkpoint
    made = None if kept is None else signature.read(str(kept), None).checkpoint
    known = _remembered(_file(app))
    with app.transaction() as session:
        finding: DcctlError | None = None
        if made is not None and proof.link(session, made.position) != made.chain_hash:
            finding = DcctlError("DCCTL-565", path=str(kept), position=made.position)
        elif known is None and session.connection().execute(text(_NEWEST)).first() is not None and not _colleagues(app, session):
            finding = DcctlError("DCCTL-566", path=str(app.settings.worker.state_dir))
        if finding is not None:
            _observe(app, session, finding)
    if finding is not None:
        log.warning("ledger_not_known", region=app.region, **finding.to_json())
    return watch(app) or finding is not None


def _colleagues(app: App, session: Session) -> bool:
    """Whether a worker has given a sign of life lately; those of a restored database are as old as its backup."""
    return bool(session.connection().execute(_LIVING, {"seconds": max(app.settings.worker.lease_seconds, 5.0)}).scalar_one())


def _observe(app: App, session: Session, finding: DcctlError) -> None:
    session.merge(RegionMode(region=app.region, mode=OBSERVE, reason="", finding=finding.to_json(), actor=DCCTL, since=now()))


def _file(app: App) -> Path:
    return app.settings.worker.state_dir / f"ledger-position-{app.region}.json"


def watch(app: App) -> bool:
    """Compare the ledger with what the file remembers, then remember what there is; True when the ledger was behind, and the region observes now.

    The mode is committed before the file is written: whatever is killed between the two, the next look finds the same again.
    """
    file = _file(app)
    known = _remembered(file)
    with app.transaction() as session:
        newest = session.connection().execute(text(_NEWEST)).one_or_none()
        behind = known is not None and known[0] > 0 and session.connection().execute(text(_THERE), {"id": known[0]}).scalar() != known[1]
        if behind and known is not None:
            _observe(app, session, DcctlError("DCCTL-564", newest=newest[0] if newest else 0, known=known[0]))
    if behind:
        log.warning("ledger_restored", region=app.region, remembered=known and known[0], newest=newest and newest[0])
    if newest is not None and (known is None or behind or newest[0] > known[0]):
        _remember(file, int(newest[0]), str(newest[1]))
    elif newest is None and (known is None or behind):
        _remember(file, 0, "")  # an empty ledger is known, too
    return behind


def _remembered(file: Path) -> tuple[int, str] | None:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        return int(document["entry"]), str(document["content"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DcctlError("DCCTL-563", path=str(file), why=(error.strerror if isinstance(error, OSError) else None) or DAMAGED) from error


def _remember(file: Path, entry: int, content: str) -> None:
    """Whole or not at all, and on the disk before it counts."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A name of its own: several threads of a worker look at the ledger, and what one of them writes another must not take away.
        descriptor, fresh = tempfile.mkstemp(prefix=f"{file.name}.", dir=file.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(json.dumps({"entry": entry, "content": content}) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
            Path(fresh).replace(file)
        except BaseException:
            Path(fresh).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise DcctlError("DCCTL-563", path=str(file), why=error.strerror or type(error).__name__) from error


def _document(app: App, found: RegionMode | None) -> dict[str, Any]:
    if found is None:
        return {"apiVersion": API_VERSION, "region": app.region, "mode": ENFORCE, "reason": None, "finding": None, "actor": None, "since": None}
    return {
        "apiVersion": API_VERSION,
        "region": found.region,
        "mode": found.mode,
        "reason": found.reason or None,
        "finding": found.finding,
        "actor": found.actor.get("user"),
        "since": found.since,
    }
