"""What can go wrong with a run of the engine.

EngineFailed          something could not be made, changed or destroyed; with the service's own words
├── EnginePending     a killed run left creations without a known outcome: somebody must look before it goes on
├── EngineStateLost   the stack's state is empty or unreadable where it must have something: it has to be rebuilt
├── EngineCancelled   ended on request, or because nobody waits for it any more
└── EngineLate        ended because it took longer than it may
EngineBroken          the run, its guardian, the engine or its provider were killed: what they had begun may exist, so somebody must look
EngineFenced          the lease is lost: the guardian ended the run, or the state refused its write
EngineLocked          another run holds the stack, or one that was killed did
EngineMissing         engine or plugin are not where they should be
PlanExceeded          the engine would do what the plan does not have; nothing was done
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One thing that failed.

    `words` are the service's own where it gave some (Neutron's message, Nova's), else the engine's. `name` is the logical name and `cloud_name`
    the name in OpenStack; `id` is known when the thing exists (a server in ERROR), so that its `fault` can be asked for. `status` is the HTTP
    status of the service's answer. All but `words` may be None, for what is not about one thing.
    """

    words: str
    name: str | None = None
    cloud_name: str | None = None
    type: str | None = None
    urn: str | None = None
    op: str | None = None
    id: str | None = None
    status: int | None = None
    raw: str = ""

    def to_document(self) -> dict[str, Any]:
        return asdict(self)


class EngineFailed(Exception):
    """`summary` is one sentence in the service's own words; `diagnostics` has all that failed, in the order it did."""

    def __init__(self, summary: str, diagnostics: Sequence[Diagnostic] = ()) -> None:
        super().__init__(summary)
        self.summary = summary
        self.diagnostics = tuple(diagnostics)


class EnginePending(EngineFailed):
    """`names`: logical names whose creation began in a run that was killed. Going on would make them twice: they must be looked for first, and given
    to `up` in `adopt` (found) or `settled` (not there)."""

    def __init__(self, summary: str, diagnostics: Sequence[Diagnostic] = ()) -> None:
        super().__init__(summary, diagnostics)
        self.names = tuple(diagnostic.name for diagnostic in self.diagnostics if diagnostic.name)


class EngineStateLost(EngineFailed):
    """What was made is not in the stack's state any more: going on would make it twice. It is looked for in the cloud and taken over (`adopt`)."""


class EngineCancelled(EngineFailed):
    """The run was ended on request; what it had begun is in the stack's state."""


class EngineLate(EngineFailed):
    """The run took longer than it may and was ended."""


class EngineBroken(Exception):
    """Something of the run was killed in the middle; nothing of it runs any more. What it had begun may exist without being in the state."""


class EngineFenced(Exception):
    """Whoever ran this does not have the environment any more; its successor does."""


class EngineLocked(Exception):
    """The stack is locked. The engine's lock has no end of its own: see `Engine.unlock`."""

    def __init__(self, stack: str, words: str = "") -> None:
        super().__init__(f"{stack} is locked")
        self.stack = stack
        self.words = words


class EngineMissing(Exception):
    """Engine, plugin or passphrase are missing: `what`, and the `path` looked at."""

    def __init__(self, what: str, path: str) -> None:
        super().__init__(f"no {what} at {path}")
        self.what = what
        self.path = path


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that the engine would do, or does: create, update, delete, replace, same, import, …

    `diffs` are the engine's names of what differs (`flavorId`), where it says so.
    """

    op: str
    type: str
    name: str
    urn: str = ""
    diffs: tuple[str, ...] = ()

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Step":
        """What `dataclasses.asdict` gave, after a journey as JSON."""
        return cls(**{**document, "diffs": tuple(document.get("diffs") or ())})


class PlanExceeded(Exception):
    """`steps`: what the engine would have done beyond the plan."""

    def __init__(self, steps: Sequence[Step]) -> None:
        super().__init__(", ".join(f"{step.op} {step.type} {step.name}" for step in steps))
        self.steps = tuple(steps)


def from_document(stack: str, document: Mapping[str, Any]) -> Exception:
    """The error that a run's last line tells of."""
    kind, summary = str(document["kind"]), str(document["summary"])
    diagnostics = [Diagnostic(**diagnostic) for diagnostic in document.get("diagnostics", ())]
    if kind == "locked":
        return EngineLocked(stack, summary)
    if kind == "missing":
        return EngineMissing(summary, str(document.get("path", "")))
    if kind == "broken":
        return EngineBroken(summary)
    if kind == "fenced":
        return EngineFenced(summary)
    if kind == "exceeded":
        return PlanExceeded([Step.from_document(step) for step in document["steps"]])
    kinds = {"pending": EnginePending, "lost": EngineStateLost, "cancelled": EngineCancelled, "late": EngineLate}
    return kinds.get(kind, EngineFailed)(summary, diagnostics)
