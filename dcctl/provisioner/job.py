"""What travels between a run and its parent: the job, the events, the outcome; all JSON-able."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Action = Literal["up", "preview", "forecast", "destroy", "remove", "export", "unlock", "restore", "rebuild"]
Status = Literal["running", "done", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run. `directory` is its private one: clouds.yaml, home/ (PULUMI_HOME) and work/ are in it.

    `spec` and `resolved` are documents, as is everything that a program needs; None for actions without a program. `seconds` is how long it may take,
    `patience` how long it may take to end in order once it is told to;
    `replace` may go, `change` may be changed in place (None: everything of the plan);
    `refresh`: the cloud is looked at first, and what is otherwise there is brought back.
    `expected`: the stack must have something already; `state`: what `restore` puts in the place of the stack's, and `rebuild` when it has read the
    things in `adopt` (by URN) from the cloud.
    """

    action: Action
    stack: str
    directory: str
    engine: str
    seconds: float
    parallel: int
    patience: float = 10.0
    layer: str | None = None
    spec: Mapping[str, Any] | None = None
    resolved: Mapping[str, Any] | None = None
    adopt: Mapping[str, str] = field(default_factory=dict)
    replace: tuple[str, ...] = ()
    change: tuple[str, ...] | None = None
    settled: tuple[str, ...] = ()
    refresh: bool = False
    expected: bool = False
    state: Mapping[str, Any] | None = None

    def to_document(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Job":
        change = document.get("change")
        lists = {key: tuple(document[key]) for key in ("replace", "settled")}
        return cls(**{**document, **lists, "change": None if change is None else tuple(change)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happens to one thing, as it happens; fit for storing.

    `name` is its logical name, `cloud_name` its name in OpenStack (None for what has none), `op` the engine's operation (create, same, update,
    delete, …), `seconds` how long it took once it is done or failed, `words` the reason when it failed, `at` seconds since 1970.
    """

    at: float
    urn: str
    type: str
    name: str
    cloud_name: str | None
    op: str
    status: Status
    seconds: float | None = None
    words: str | None = None

    def to_document(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an `up` or `destroy` gave: the program's outputs, how many things had which operation, and the run's seconds."""

    outputs: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
