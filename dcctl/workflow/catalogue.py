"""The copy of what OpenStack offers: flavors, images, external networks, volume types. The worker fills it, everybody reads it."""

import json
from dataclasses import asdict
from typing import Any

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from dcctl.cloud import catalogue as cloud_catalogue
from dcctl.cloud import limits
from dcctl.cloud.limit_rules import ledger_name
from dcctl.errors import CloudError, DcctlError
from dcctl.schemas import API_VERSION
from dcctl.store import CatalogueItem, Source, now
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from quotas.resources import find

SOURCE, DEFAULTS = "catalogue", "default-quotas"
#: Begins what the source of default quotas says when they are not all 0.
NOT_ZERO = "default_quota_not_zero"
Named = cloud_catalogue.Flavor | cloud_catalogue.Image | cloud_catalogue.ExternalNetwork | cloud_catalogue.VolumeType


def listing(app: App, actor: Actor) -> dict[str, Any]:
    """Everything that a spec may name; `seen_at` tells when OpenStack last said so, null before the first time."""
    with app.reading() as session:
        found = session.exec(select(CatalogueItem).order_by(col(CatalogueItem.kind), col(CatalogueItem.name))).all()
    items = [{"kind": item.kind, "name": item.name, "document": item.document} for item in found]
    return {"apiVersion": API_VERSION, "items": items, "seen_at": max((item.seen_at for item in found), default=None)}


def refresh(app: App) -> int:
    """Read all four lists and replace the copy in one transaction; return how many items there are.

    Raises:
        CloudError: a service refused or did not answer; the old copy stays, and the source says why.
    """
    try:
        seen = cloud_catalogue.catalogue(app.cloud())
    except CloudError as error:
        with app.transaction() as session:
            _tell(session, SOURCE, {"last_attempt_at": now(), "last_error": written(error)})
        raise
    at = now()
    lists: dict[str, tuple[Named, ...]] = {"flavor": seen.flavors, "image": seen.images, "network": seen.networks, "volume_type": seen.volume_types}
    # Of several things with one name the first stands; Glance and Neutron allow that.
    rows = {
        (kind, thing.name): {"kind": kind, "name": thing.name, "cloud_id": thing.id, "document": asdict(thing), "seen_at": at}
        for kind, things in lists.items()
        for thing in sorted(things, key=lambda thing: thing.id, reverse=True)
    }
    defaults = _defaults(app)
    with app.transaction() as session:
        _tell(session, DEFAULTS, defaults)
        if rows:
            statement = insert(CatalogueItem).values(list(rows.values()))
            new = {name: statement.excluded[name] for name in ("cloud_id", "document", "seen_at")}
            session.execute(statement.on_conflict_do_update(index_elements=["kind", "name"], set_=new))
        session.execute(delete(CatalogueItem).where(col(CatalogueItem.seen_at) < at))
        _tell(session, SOURCE, {"last_attempt_at": at, "last_success_at": at, "last_error": None})
    return len(rows)


def _defaults(app: App) -> dict[str, Any]:
    """What is to be said of the site's default quotas: a project without limits of its own must have nothing of what is counted."""
    at = now()
    try:
        found = limits.defaults(app.cloud())
    except CloudError as error:
        return {"last_attempt_at": at, "last_error": written(error)}
    wrong = [f"{service} {key} {limit}" for (service, key), limit in sorted(found.items()) if limit and find(ledger_name((service, key)))]
    return {"last_attempt_at": at, "last_success_at": at, "last_error": f"{NOT_ZERO}: {', '.join(wrong)}" if wrong else None}


def written(error: DcctlError) -> str:
    """An error as a source's `last_error` keeps it: code and parameters, for its readers have different languages."""
    return json.dumps(error.to_json())


def said(last_error: str) -> DcctlError | None:
    """The error that `written` wrote; None for words that have no sentence of ours around them (the collector's)."""
    if not last_error.startswith("{"):
        return None
    try:
        return DcctlError.from_json(json.loads(last_error))
    except ValueError:
        return None


def _tell(session: Session, source: str, said: dict[str, Any]) -> None:
    statement = insert(Source).values(name=source, **said)
    session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=said))
