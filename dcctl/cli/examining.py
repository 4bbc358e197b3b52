"""Everything that is wrong with a spec, in one go, before anything is sent.

`stacks.specs` says what is malformed, `dcctl.speccheck` what the offers and OpenStack's catalogue do not have. The second needs a well-formed
spec: where the first found faults, it looks at the spec with those places taken out, and only what it says about the others counts.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from dcctl import speccheck
from dcctl.cli.specfile import Path
from stacks.environment import EnvironmentSpec
from stacks.faults import Fault, SpecFaults
from stacks.specs import REQUIRED, parse

ROUNDS = 4
#: Put where a required value is faulty, so that the rest can be looked at.
STAND_INS: Mapping[str, Any] = {
    **REQUIRED, "quota": {"instances": 1}, "cidr": "10.20.0.0/24", "size": 1, "flavor": "-", "image": "-",
}  # fmt: skip
#: Faults that add up over the whole spec: not to be trusted once parts were taken out.
SUMS = {"spec.does_not_fit", "spec.quota_missing"}


def malformed(document: Any) -> tuple[Fault, ...]:
    """What is wrong with the document as such."""
    try:
        parse(document)
    except SpecFaults as refused:
        return refused.faults
    return ()


def misfits(document: Any, found: Sequence[Fault], offers: Sequence[Mapping[str, Any]], catalogue: Sequence[Mapping[str, Any]]) -> list[Fault]:
    """What the offers and the catalogue do not have; `found` are the faults of the document as such."""
    kept = _Kept(document)
    faults: Sequence[Fault] = found
    for _round in range(ROUNDS):
        for fault in faults:
            kept.take_out(fault)
        try:
            spec: EnvironmentSpec = parse(kept.document)
        except SpecFaults as refused:
            faults = refused.faults
            continue
        return [fault for fault in map(kept.original, speccheck.check(spec, offers, catalogue)) if not found or _is_new(fault, found)]
    return []


def _is_new(fault: Fault, found: Sequence[Fault]) -> bool:
    if fault.code in SUMS and any(known.path[:1] in (("quota",), ("servers",), ("network",)) for known in found):
        return False
    return not any(_overlap(fault.path, known.path) for known in found)


def _overlap(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


class _Kept:
    """A document out of which faulty places are taken; knows the original place of what is left."""

    def __init__(self, document: Any) -> None:
        self.document = copy.deepcopy(document)
        self.indexes: dict[Path, list[int]] = {}

    def take_out(self, fault: Fault) -> None:
        """Replace what is required, remove what is not."""
        *above, last = fault.path or (None,)
        place: Any = self.document
        for step in above:
            present = step < len(place) if isinstance(place, list) and isinstance(step, int) else isinstance(place, dict) and step in place
            if present:
                place = place[step]
            else:
                return
        if isinstance(place, list) and isinstance(last, int) and last < len(place):
            left = self.indexes.setdefault(tuple(above), list(range(len(place))))
            del place[last], left[last]
        elif isinstance(place, dict) and isinstance(last, str):
            required = REQUIRED if not above else {"name", "flavor", "image"} if above[0] == "servers" and len(above) == 2 else {"cidr", "size"}
            if last in required:
                index = next((step for step in above if isinstance(step, int)), 0)
                place[last] = f"stand-in-{index}" if above and last == "name" else copy.deepcopy(STAND_INS[last])
            else:
                place.pop(last, None)

    def original(self, fault: Fault) -> Fault:
        """The fault with the place that it has in the file."""
        path: Path = ()
        for at, step in enumerate(fault.path):
            left = self.indexes.get(fault.path[:at])
            path += (left[step] if left is not None and isinstance(step, int) and step < len(left) else step,)
        return Fault(path=path, code=fault.code, params=fault.params)
