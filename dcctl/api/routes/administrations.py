"""Administrations and their people."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import AwareDatetime

from dcctl.api.asking import Caller, Limit, Name, OptionalKey
from dcctl.api.bridge import Router
from dcctl.schemas import Administration, AdministrationIn, Administrations, ContactIn, ContactOut, Contacts, ParentIn, People, Person, PersonIn
from dcctl.workflow import administrations, contacts, reparenting

router = Router(prefix="/administrations")


@router.get("", response_model=Administrations)
def listing(caller: Caller, after: Name = None, limit: Limit = 1000, as_of: AwareDatetime | None = None) -> dict[str, Any]:
    """Those that the caller may see, by code; now, or then."""
    caller.may("administration:list")
    return administrations.listing(caller.app, caller.actor, after=after, limit=limit, as_of=as_of)


@router.post("", response_model=Administration, status_code=201)
def create(caller: Caller, body: AdministrationIn, key: OptionalKey = None) -> dict[str, Any]:
    """Make one, with its Keystone domain."""
    caller.may("administration:create")
    app, actor = caller.app, caller.actor
    return caller.once(key, lambda: administrations.create(app, actor, body), lambda: administrations.show(app, actor, body.code))


@router.get("/{code}", response_model=Administration)
def show(caller: Caller, code: str) -> dict[str, Any]:
    """One of them."""
    caller.may("administration:show")
    return administrations.show(caller.app, caller.actor, code)


@router.post("/{code}/parent", response_model=Administration)
def move(caller: Caller, code: str, body: ParentIn, key: OptionalKey = None) -> dict[str, Any]:
    """Put it below another parent; no balance moves."""
    caller.may_or_not_there("administration:move", "administration", code)
    return reparenting.move(caller.app, caller.actor, code, body, key)


@router.get("/{code}/people", response_model=People)
def people(caller: Caller, code: str) -> dict[str, Any]:
    """Who asks and who decides."""
    caller.may("person:list")
    return administrations.people(caller.app, caller.actor, code)


@router.post("/{code}/people", response_model=Person)
def add_person(caller: Caller, code: str, body: PersonIn) -> dict[str, Any]:
    """Give a person a role."""
    caller.may_for("person:add", code)
    return administrations.add_person(caller.app, caller.actor, code, body)


@router.delete("/{code}/people/{user}", response_model=Person)
def remove_person(caller: Caller, code: str, user: str, role: Annotated[str, Query(pattern="^(dc_agent|dc_lead)$")]) -> dict[str, Any]:
    """Take a role from a person."""
    caller.may_for("person:remove", code)
    return administrations.remove_person(caller.app, caller.actor, code, user, role)


@router.get("/{code}/contacts", response_model=Contacts)
def contact_list(caller: Caller, code: str) -> dict[str, Any]:
    """To whom letters go."""
    caller.may("contact:list")
    return contacts.listing(caller.app, caller.actor, code)


@router.post("/{code}/contacts", response_model=ContactOut)
def add_contact(caller: Caller, code: str, body: ContactIn) -> dict[str, Any]:
    """Write to this address from now on."""
    caller.may_for("contact:add", code)
    return contacts.add(caller.app, caller.actor, code, body)


@router.delete("/{code}/contacts/{address}", response_model=ContactOut)
def remove_contact(caller: Caller, code: str, address: str, key: OptionalKey = None) -> dict[str, Any]:
    """Write to this address no more."""
    caller.may_for("contact:remove", code)
    app, actor = caller.app, caller.actor
    return caller.once(key, lambda: contacts.remove(app, actor, code, address), lambda: contacts.removed(code, address))
