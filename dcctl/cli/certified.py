"""An environment's certificate for people: a page of HTML, and the lines of a table. Names of things are foreign data and escaped."""

from collections.abc import Mapping
from typing import Any

from dcctl.cli.times import moment
from dcctl.words import N_, _, current, sentence

COLUMNS = {
    "administration": N_("Administration"), "environment": N_("Environment"), "project": N_("Project"), "ended": N_("Ended"),
    "word": N_("By whose word"), "destroyed": N_("Destroyed"), "given_back": N_("Given back"), "digest": N_("Digest"),
}  # fmt: skip
#: Kinds of things in plain words; another is shown by its own name.
KINDS: Mapping[str, str] = {
    "server": N_("server"), "volume": N_("volume"), "snapshot": N_("snapshot"), "backup": N_("backup"), "network": N_("network"),
    "subnet": N_("subnet"), "router": N_("router"), "port": N_("network connection"), "floatingip": N_("public address"),
    "security_group": N_("firewall"), "image": N_("image"), "server_group": N_("group of servers"),
}  # fmt: skip
#: Services as people know them.
SERVICES: Mapping[str, str] = {
    "compute": N_("Servers (Nova)"), "block-storage": N_("Volumes (Cinder)"), "network": N_("Network (Neutron)"), "image": N_("Images (Glance)"),
}  # fmt: skip


def lines(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The answer as the rows of a table."""
    certificate = answer.get("certificate") or {}
    return {
        "administration": (certificate.get("administration") or {}).get("code"),
        "environment": certificate.get("environment"),
        "project": certificate.get("project"),
        "ended": moment((certificate.get("ended") or {}).get("at")),
        "word": word(certificate.get("word") or {}),
        "destroyed": "\n".join(thing(found) for found in certificate.get("destroyed") or ()) or "–",
        "given_back": "\n".join(f"{e.get('resource')} {e.get('amount')} ({e.get('entry')})" for e in certificate.get("given_back") or ()) or "–",
        "digest": answer.get("digest"),
    }


def word(said: Mapping[str, Any]) -> str:
    """By whose word it ended."""
    asked = {"request": said.get("request"), "by": said.get("by"), "reason": said.get("reason") or "–"}
    decided = [
        sentence(N_("approved by {by}: {reason}"), {"by": one.get("by"), "reason": one.get("reason") or "–"})
        for one in said.get("decisions") or ()
        if one.get("verdict") == "approve"
    ]
    return "\n".join([sentence(N_("{request}, asked by {by}: {reason}"), asked), *decided])


def thing(found: Mapping[str, Any]) -> str:
    """One thing that was destroyed."""
    kind = str(found.get("type") or "")
    beside = "" if found.get("dcctl") else " " + _("(made beside dcctl)")
    return f"{_(KINDS[kind]) if kind in KINDS else kind} {found.get('name') or found.get('id')}{beside}"


def html(answer: Mapping[str, Any]) -> str:
    """The certificate as a page of its own, in the reader's language."""
    import jinja2  # late: only this command needs it

    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("dcctl", "templates"), undefined=jinja2.StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    certificate = answer["certificate"]
    services: dict[str, list[Mapping[str, Any]]] = {}
    for found in certificate["destroyed"]:
        services.setdefault(str(found["service"]), []).append(found)
    return templates.get_template("certificate.html.j2").render(
        language=current(), certificate=certificate, digest=answer["digest"], issued=moment(answer["issued_at"]), moment=moment,
        services=[(_(SERVICES[name]) if name in SERVICES else name, things) for name, things in services.items()],
        kind=lambda name: _(KINDS[name]) if name in KINDS else name, says=_labels(),
    )  # fmt: skip


def _labels() -> dict[str, str]:
    return {
        "title": _("Certificate of destruction"), "environment": _("Environment"), "administration": _("Administration"), "project": _("Project"),
        "region": _("Region"), "made": _("Made for"), "ended": _("Ended"), "operation": _("Operation"), "word": _("By whose word"),
        "asked": _("Asked by"), "reason": _("Reason"), "decided": _("Decided by"), "destroyed": _("What was destroyed"), "kind": _("Kind"),
        "name": _("Name"), "id": _("Id"), "beside": _("made beside dcctl"), "nothing": _("Nothing was left in the project."),
        "given_back": _("Units given back"), "resource": _("Resource"), "amount": _("Amount"), "entry": _("Entry of the ledger"),
        "digest": _("Digest (SHA-256 of the canonical JSON)"), "issued": _("Issued"),
    }  # fmt: skip
