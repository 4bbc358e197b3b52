"""Offers: what can be had, in immutable versions. Shipped ones lie in `dcctl/offers/` as YAML files, one an offer."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path as File
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from sqlmodel import col, select

from dcctl import rulebook
from dcctl.errors import DcctlError, NotVisible, SpecRefused
from dcctl.rulebook import MOST_NEEDED, OFFER_NEEDS
from dcctl.schemas import API_VERSION
from dcctl.store import Offer, now
from dcctl.workflow import drafting
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from dcctl.workflow.standing import current as current
from quotas.resources import COUNTED, find
from stacks.faults import Fault

SHIPPED = File(__file__).parents[1] / "offers"

#: Top-level keys of an offer's file, with what each is.
KEYS: dict[str, type] = {
    "apiVersion": str, "kind": str, "name": str, "title": dict, "description": dict, "quota": dict, "flavors": list, "images": list,
    "volume_types": list, "approval": list, "structural": dict,
}  # fmt: skip
EXAMPLES = {
    "apiVersion": "dcctl/v1", "kind": "Offer", "name": "standard", "title": "{fr: …, en: …}", "description": "{fr: …, en: …}",
    "quota": "{cores: 64}", "flavors": '["*"]', "images": '["*"]', "volume_types": '["*"]', "approval": "[dc_lead]", "structural": "{ports: 500}",
}  # fmt: skip
#: One of them says how long an environment may last.
DURATIONS = ("duration_days", "duration_months")
NAME = re.compile(r"[a-z][a-z0-9-]{0,61}[a-z0-9]")
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('dcctl.offers', 0))"
Path = tuple[str | int, ...]
LANGUAGES = ("fr", "en")


def listing(app: App, actor: Actor) -> dict[str, Any]:
    """The offers that can be asked for now."""
    with app.reading() as session:
        return {"apiVersion": API_VERSION, "items": [as_json(offer) for offer in current(session)]}


def show(app: App, actor: Actor, name: str, *, even_retired: bool = False) -> dict[str, Any]:
    """One offer."""
    with app.reading() as session:
        found = session.exec(select(Offer).where(Offer.name == name).order_by(col(Offer.version).desc())).first()
    if found is None or (found.retired_at is not None and not even_retired):
        raise NotVisible("offer", name)
    return as_json(found)


def load(app: App, directory: File = SHIPPED) -> list[str]:
    """Publish each file of the directory as a new version, where it differs from the newest one; return ``name@version`` of the new ones.

    Raises:
        DcctlError: 001 with every fault of every file; nothing is published then. 003, a file cannot be read.
    """
    documents: list[dict[str, Any]] = []
    faults: list[dict[str, Any]] = []
    for path in sorted(directory.glob("*.yaml")):
        document = read(path)
        faults += [{**fault, "path": [path.name, *fault["path"]]} for fault in map(drafting.fault_json, check(document))]
        documents.append(document)
    if faults:
        raise DcctlError("DCCTL-001", faults=faults, source=", ".join(sorted({fault["path"][0] for fault in faults})))
    published = []
    with app.transaction() as session:
        session.connection().exec_driver_sql(_ONE_AT_A_TIME)
        for document in documents:
            versions = session.exec(select(Offer).where(Offer.name == document["name"]).order_by(col(Offer.version).desc())).all()
            # What was published once is not published over a site's own later version.
            if not any(known.document == document for known in versions):
                version = versions[0].version + 1 if versions else 1
                session.add(Offer(name=document["name"], version=version, document=document))
                published.append(f"{document['name']}@{version}")
    return published


def publish(app: App, actor: Actor, document: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Make the document the next version of its offer; what says the same as the newest, and can be asked for, is no new one (False).

    Raises:
        SpecRefused: every fault, each with its place; nothing is published.
    """
    if faults := check(document):
        raise SpecRefused([drafting.fault_json(fault) for fault in faults], source="offer")
    with app.transaction() as session:
        session.connection().exec_driver_sql(_ONE_AT_A_TIME)
        newest = session.exec(select(Offer).where(Offer.name == document["name"]).order_by(col(Offer.version).desc())).first()
        if newest is not None and newest.retired_at is None and newest.document == document:
            return as_json(newest), False
        made = Offer(name=document["name"], version=newest.version + 1 if newest is not None else 1, document=document)
        session.add(made)
        session.flush()
        return as_json(made), True


def retire(app: App, actor: Actor, name: str) -> dict[str, Any]:
    """Let nobody ask for it any more; what was made of it goes on, and its versions stay.

    Raises:
        NotVisible: it is not on offer.
    """
    with app.transaction() as session:
        session.connection().exec_driver_sql(_ONE_AT_A_TIME)
        newest = session.exec(select(Offer).where(Offer.name == name).order_by(col(Offer.version).desc())).first()
        if newest is None or newest.retired_at is not None:
            raise NotVisible("offer", name)
        newest.retired_at = now()
        session.add(newest)
        session.flush()
        return as_json(newest)


def read(path: File) -> dict[str, Any]:
    """The document in a file."""
    try:
        document = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise DcctlError("DCCTL-003", path=str(path), reason=" ".join(str(error).split())) from error
    return document if isinstance(document, dict) else {}


def check(document: Mapping[str, Any]) -> list[Fault]:
    """Every fault of an offer."""
    known = (*KEYS, *DURATIONS)
    faults = [
        Fault(path=(str(key),), code="spec.unknown_key", params={"key": str(key)[:80], "nearest": tuple(get_close_matches(str(key), known)),
              "allowed": known})
        for key in document
        if key not in known
    ]  # fmt: skip
    for key, sort in KEYS.items():
        if key not in document:
            faults.append(Fault(path=(), code="spec.missing", params={"key": key, "allowed": EXAMPLES[key]}))
        elif not isinstance(document[key], sort) or isinstance(document[key], bool):
            faults.append(_not(document[key], (key,), EXAMPLES[key]))
    lasts = [key for key in DURATIONS if key in document]
    if len(lasts) != 1:
        faults.append(Fault(path=tuple(lasts[:1]), code="offer.one_duration"))
    faults += [_out_of_range((key,), document[key], 1, 1200) for key in lasts if not _whole(document[key], 1, 1200)]
    faults += _words(document)
    faults += _lists(document)
    for part in ("quota", "structural"):
        amounts = document.get(part)
        for key, amount in amounts.items() if isinstance(amounts, dict) else ():
            place, resource = (part, str(key)), find(str(key))
            if part == "quota" and resource is None:
                faults.append(Fault(path=place, code="offer.not_counted", params={"found": str(key)[:80], "allowed": tuple(r.name for r in COUNTED)}))
            elif part == "structural" and resource is not None:
                faults.append(Fault(path=place, code="offer.counted", params={"found": str(key)[:80]}))
            # Unlimited is no limit that an offer may give: every key of every service gets a number, small enough for each of them.
            if not _whole(amount, 0, 2**31 - 1):
                faults.append(_out_of_range(place, amount, 0, 2**31 - 1))
    return faults


def _words(document: Mapping[str, Any]) -> Iterator[Fault]:
    name = document.get("name")
    if isinstance(name, str) and not NAME.fullmatch(name):
        params = {"found": name[:80], "allowed": "a-z 0-9 -", "minimum": 1, "maximum": 63}
        yield Fault(path=("name",), code="spec.bad_name", params=params)
    for key, wanted, code in (("apiVersion", API_VERSION, "spec.unsupported_version"), ("kind", "Offer", "spec.unsupported_kind")):
        if isinstance(document.get(key), str) and document[key] != wanted:
            yield Fault(path=(key,), code=code, params={"found": document[key][:80], "allowed": wanted})
    for key in ("title", "description"):
        texts = document.get(key)
        if not isinstance(texts, dict):
            continue
        for lang in LANGUAGES:
            if not isinstance(texts.get(lang), str) or not texts[lang].strip():
                yield Fault(path=(key,), code="spec.missing", params={"key": lang, "allowed": "Standard"})


def _lists(document: Mapping[str, Any]) -> Iterator[Fault]:
    for key in ("flavors", "images", "volume_types"):
        listed = document.get(key)
        for at, one in enumerate(listed if isinstance(listed, list) else ()):
            if not isinstance(one, str) or not one:
                yield _not(one, (key, at), '"*"')
    approval = document.get("approval")
    if isinstance(approval, list):
        if not 1 <= len(approval) <= MOST_NEEDED:
            yield Fault(path=("approval",), code="spec.too_few" if not approval else "spec.too_many",
                        params={"count": len(approval), "minimum": 1, "maximum": MOST_NEEDED})  # fmt: skip
        for at, role in enumerate(approval):
            if role not in OFFER_NEEDS:
                yield rulebook.unknown(("approval", at), role, OFFER_NEEDS)


def _whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _out_of_range(path: Path, found: Any, least: int, most: int) -> Fault:
    return Fault(path=path, code="spec.out_of_range", params={"found": str(found)[:80], "minimum": least, "maximum": most})


def _not(found: Any, path: Path, allowed: str) -> Fault:
    return Fault(path=path, code="offer.not_a", params={"found": str(found)[:80], "allowed": allowed})


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
