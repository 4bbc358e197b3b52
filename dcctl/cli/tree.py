"""A live tree of an operation: what happened before it, its steps, and below each the resources with state and seconds.

Seconds come from the events' own times, so that whoever looks again later sees the same figures. What still runs goes on from the newest event by
this machine's steady clock, whatever time of day it believes in.
"""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TextIO

from dcctl.cli.progress import ENDINGS, SENTENCES, STEPS, Progress, state, thing, words
from dcctl.cli.talk import clean
from dcctl.words import _, sentence

#: The mark before a resource, the same where a terminal knows ASCII only, and its colour: it is being done, it is done, it failed.
RUNNING, DONE, FAILED = ("…", ".", "yellow"), ("✓", "+", "green"), ("✗", "!", "red")


@dataclass(slots=True)
class Thing:
    """A resource: what is said of it, when that began, and its seconds once they are known."""

    said: str
    mark: tuple[str, str, str]
    begun: float
    seconds: float | None = None


@dataclass(slots=True)
class Step:
    """One step of one attempt, and what is made in it by type and name in plain words; times are seconds on the events' own clock."""

    name: str
    begun: float
    ended: float | None = None
    things: dict[tuple[str, str], Thing] = field(default_factory=dict)


class Story:
    """What the events tell, as values. This class is pure but for `steady`, which tells the time between two calls."""

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        self.before: list[str] = []
        self.after: list[str] = []
        self.steps: list[Step] = []
        self._steady = steady
        self._newest, self._seen_at = 0.0, steady()

    def now(self) -> float:
        """The present on the events' clock: the newest event, and what has passed since it arrived."""
        return self._newest + self._steady() - self._seen_at

    def event(self, event: Mapping[str, Any]) -> None:
        kind, at = event.get("kind"), _seconds(event.get("at"), self.now())
        if at >= self._newest:
            self._newest, self._seen_at = at, self._steady()
        if kind == "step":
            self._end(at)
            self.steps.append(Step(name=str(event.get("step")), begun=at))
        elif kind == "resource":
            self._resource(event, at)
        else:
            if kind in ENDINGS:
                self._end(at)
            # What happens to a request before its first step stands above the tree, what happens after it below.
            (self.after if self.steps else self.before).append(words(event))

    def _end(self, at: float) -> None:
        if self.steps and self.steps[-1].ended is None:
            self.steps[-1].ended = at

    def _resource(self, event: Mapping[str, Any], at: float) -> None:
        if not self.steps:
            self.steps.append(Step(name="", begun=at))
        label = (thing(event.get("type")), str(event.get("cloud_name") or event.get("name") or ""))
        things, status, seconds = self.steps[-1].things, event.get("status") or event.get("state"), event.get("seconds")
        begun = things[label].begun if label in things else at
        if status == "running":
            things[label] = Thing(said=state(event), mark=RUNNING, begun=begun)
            return
        took = float(seconds) if isinstance(seconds, (int, float)) else at - begun
        things[label] = Thing(said=state(event), mark=FAILED if status == "failed" else DONE, begun=begun, seconds=took)


class Tree(Progress):
    """The story, drawn again and again where it stands until the end; then it stays."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self.story = Story()
        self.rich = (stream.encoding or "").lower().replace("-", "") in ("utf8", "utf16", "utf32")
        self.live = Live(console=Console(file=stream, highlight=False, markup=False), refresh_per_second=4, get_renderable=self.draw)

    def __enter__(self) -> Self:
        self.live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            self.live.stop()

    def event(self, event: Mapping[str, Any]) -> None:
        self.story.event(event)

    def draw(self) -> Any:
        """The tree as it is now."""
        from rich.console import Group
        from rich.text import Text
        from rich.tree import Tree as Drawn

        now, root = self.story.now(), Drawn(Text(clean("\n".join(self.story.before) or "...", keep="\n")))
        for step in self.story.steps:
            ended = now if step.ended is None else step.ended
            branch = root.add(Text(clean(f"{_(STEPS.get(step.name, step.name))}  {_amount(ended - step.begun)}").strip()))
            for label, made in step.things.items():
                mark, plain, colour = made.mark
                seconds = ended - made.begun if made.seconds is None else made.seconds
                said = sentence(SENTENCES["resource"], {"type": label[0], "name": label[1], "state": made.said})
                branch.add(Text(f"{mark if self.rich else plain} ", style=colour) + Text(clean(f"{said}  {_amount(seconds)}")))
        return Group(root, *(Text(clean(line)) for line in self.story.after))


def _amount(seconds: float) -> str:
    return f"{max(seconds, 0.0):.0f} s"


def _seconds(at: object, otherwise: float) -> float:
    try:
        return datetime.fromisoformat(str(at).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return otherwise
