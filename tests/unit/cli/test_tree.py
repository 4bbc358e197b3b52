"""What the live tree tells of the events, by their own times."""

from typing import Any

import pytest

from dcctl import words
from dcctl.cli.tree import Story

SERVER = {"type": "openstack:compute/instance:Instance", "cloud_name": "min-sante-portail-web-1", "op": "create"}


@pytest.fixture(autouse=True)
def _english():
    before = words.current()
    words.use("en")
    yield
    words.use(before)


class Clock:
    """Steady, and moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def told(clock: Clock, *events: tuple[int, str, dict[str, Any]]) -> Story:
    story = Story(clock)
    for second, kind, more in events:
        story.event({"at": f"2026-11-22T16:05:{second:02}+00:00", "kind": kind, **more})
    return story


def test_what_still_runs_goes_on_from_the_newest_event_whatever_the_machines_time_of_day():
    clock = Clock()
    story = told(clock, (1, "step", {"step": "workload"}), (4, "resource", {"status": "running", **SERVER}))

    clock.seconds += 10

    (step,) = story.steps
    (server,) = step.things.values()
    assert (step.ended, server.seconds) == (None, None)
    assert (story.now() - step.begun, story.now() - server.begun) == (13.0, 10.0)


def test_a_second_attempt_has_steps_of_its_own():
    story = told(
        Clock(),
        (1, "step", {"step": "tenant"}), (5, "step", {"step": "workload"}), (6, "resource", {"status": "running", **SERVER}),
        (9, "resource", {"status": "failed", "words": "No valid host was found.", **SERVER}),
        (9, "failed", {"error": {"code": "DCCTL-404", "params": {"resource": "web-1", "words": "No valid host was found."}}}),
        (30, "running", {"attempt": 2}), (31, "step", {"step": "tenant"}), (33, "step", {"step": "workload"}),
        (40, "resource", {"status": "done", "seconds": 6.5, **SERVER}), (41, "succeeded", {}),
    )  # fmt: skip

    assert [(step.name, step.begun % 60, step.ended and step.ended % 60) for step in story.steps] == [
        ("tenant", 1, 5), ("workload", 5, 9), ("tenant", 31, 33), ("workload", 33, 41),
    ]  # fmt: skip
    (failed,), (made,) = story.steps[1].things.values(), story.steps[3].things.values()
    assert failed.said.startswith("failed: No valid host was found. – no host of the datacenter has room")
    assert (failed.mark[0], failed.seconds) == ("✗", 3.0)
    assert (made.said, made.mark[0], made.seconds) == ("made", "✓", 6.5)
    assert story.after[-1] == "Done."
