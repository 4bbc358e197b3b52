"""What a person types to name things: ADMINISTRATION/ENVIRONMENT, and amounts like cores=8."""

import re
from collections.abc import Sequence

from dcctl.errors import DcctlError
from dcctl.words import _

#: A figure with a unit: units are the resource's own and not typed.
MEASURED = re.compile(r"[0-9]+(\.[0-9]+)? ?[A-Za-z]+")


def environment(name: str) -> tuple[str, str]:
    """(administration, environment); "-" stands for the caller's own administration."""
    administration, slash, rest = name.partition("/")
    if not slash:
        return "-", name
    if not administration or not rest or "/" in rest:
        raise DcctlError("DCCTL-002", field=_("ENVIRONMENT"), value=name, allowed="dossier-patient, min-sante/dossier-patient")
    return administration, rest


def holder(name: str | None) -> dict[str, str]:
    """The query of an envelope: nothing, an administration, or an environment of one."""
    if name is None:
        return {}
    if "/" not in name:
        return {"administration": name}
    administration, below = environment(name)
    return {"administration": administration, "environment": below}


def units() -> list[str]:
    """Every resource that is counted, with the unit that its figures are in."""
    from quotas.resources import COUNTED

    return [f"{resource.name} ({resource.unit})" if resource.unit else resource.name for resource in COUNTED]


def amounts(words: Sequence[str]) -> dict[str, int]:
    """`("cores=8", "ram=16384")` as figures in each resource's own unit; every mistake is DCCTL-002."""
    found: dict[str, int] = {}
    for word in words:
        resource, equals, amount = word.partition("=")
        if equals and MEASURED.fullmatch(amount):
            raise DcctlError("DCCTL-002", field=resource, value=word, allowed=units())
        if not equals or not resource or not amount.isascii() or not amount.isdigit() or len(amount) > 15:
            raise DcctlError("DCCTL-002", field=_("AMOUNT"), value=word, allowed=_("RESOURCE=WHOLE NUMBER, like cores=8"))
        if resource in found:
            raise DcctlError("DCCTL-002", field=resource, value=word, allowed=_("each resource once"))
        found[resource] = int(amount)
    return found
