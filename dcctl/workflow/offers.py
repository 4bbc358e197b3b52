"""Offers: what can be had, in immutable versions. Shipped ones lie in `dcctl/offers/` as YAML files, one an offer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from sqlmodel import col, select

from dcctl.errors import DcctlError, NotVisible
from dcctl.schemas import API_VERSION
from dcctl.store import Offer
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from dcctl.workflow.standing import current as current
from quotas.resources import find

SHIPPED = Path(__file__).parents[1] / "offers"

#: Top-level keys of an offer's file, with what each is.
KEYS: dict[str, type] = {
    "apiVersion": str, "kind": str, "name": str, "title": dict, "description": dict, "quota": dict, "flavors": list, "images": list,
    "volume_types": list, "duration_months": int, "approval": list, "structural": dict,
}  # fmt: skip
LANGUAGES = ("fr", "en")


def listing(app: App, actor: Actor) -> dict[str, Any]:
    """The offers that can be asked for now."""
    with app.reading() as session:
        return {"apiVersion": API_VERSION, "items": [as_json(offer) for offer in current(session)]}


def show(app: App, actor: Actor, name: str) -> dict[str, Any]:
    """One offer."""
    with app.reading() as session:
        found = session.exec(select(Offer).where(Offer.name == name).order_by(col(Offer.version).desc())).first()
    if found is None or found.retired_at is not None:
        raise NotVisible("offer", name)
    return as_json(found)


def load(app: App, directory: Path = SHIPPED) -> list[str]:
    """Publish each file of the directory as a new version, where it differs from the newest one; return ``name@version`` of the new ones.

    Raises:
        DcctlError: 001 with every fault of every file; nothing is published then. 003, a file cannot be read.
    """
    documents: list[dict[str, Any]] = []
    faults: list[dict[str, Any]] = []
    for path in sorted(directory.glob("*.yaml")):
        document = read(path)
        faults += [{"path": [path.name, *at], "code": "offer.fault", "params": {"found": found}} for at, found in check(document)]
        documents.append(document)
    if faults:
        raise DcctlError("DCCTL-001", faults=faults, source=", ".join(sorted({fault["path"][0] for fault in faults})))
    published = []
    with app.transaction() as session:
        session.connection().exec_driver_sql("SELECT pg_advisory_xact_lock(hashtextextended('dcctl.offers', 0))")
        for document in documents:
            newest = session.exec(select(Offer).where(Offer.name == document["name"]).order_by(col(Offer.version).desc())).first()
            if newest is None or newest.document != document:
                version = newest.version + 1 if newest else 1
                session.add(Offer(name=document["name"], version=version, document=document))
                published.append(f"{document['name']}@{version}")
    return published


def read(path: Path) -> dict[str, Any]:
    """The document in a file."""
    try:
        document = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise DcctlError("DCCTL-003", path=str(path), reason=" ".join(str(error).split())) from error
    return document if isinstance(document, dict) else {}


def check(document: Mapping[str, Any]) -> list[tuple[list[str], str]]:
    """Every fault of an offer: where, and what was found."""
    faults = [([key], "unknown") for key in document if key not in KEYS]
    for key, sort in KEYS.items():
        if key not in document:
            faults.append(([key], "missing"))
        elif not isinstance(document[key], sort) or isinstance(document[key], bool):
            faults.append(([key], repr(document[key])))
    if faults:
        return faults
    faults += [([key, lang], "missing") for key in ("title", "description") for lang in LANGUAGES if not document[key].get(lang)]
    faults += [(["quota", key], "not counted") for key in document["quota"] if find(key) is None]
    faults += [(["structural", key], "counted") for key in document["structural"] if find(key) is not None]
    amounts = [((part, key), amount) for part in ("quota", "structural") for key, amount in document[part].items()]
    # Unlimited is no limit that an offer may give: every key of every service gets a number, small enough for each of them.
    faults += [([*at], repr(v)) for at, v in amounts if not isinstance(v, int) or isinstance(v, bool) or not 0 <= v < 2**31]
    return faults


def as_json(offer: Offer) -> dict[str, Any]:
    """As it travels: `schemas.Offer`."""
    document = offer.document
    return {
        "apiVersion": API_VERSION,
        "name": offer.name,
        "version": offer.version,
        "title": document["title"],
        "description": document["description"],
        "document": document,
    }
