"""The engine's event log, line by line, to events, outputs, counts and diagnostics."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dcctl.provisioner import words
from dcctl.provisioner.errors import Diagnostic, Step
from dcctl.provisioner.job import Event, Status
from stacks.tokens import STRUCTURE

STACK = "pulumi:pulumi:Stack"


class Progress:
    """Follows one log; `tell` is called with each event."""

    def __init__(self, log: Path, tell: Callable[[Event], None]) -> None:
        self._log, self._tell = log, tell
        self._position = 0
        self._rest = b""
        self._began: dict[str, float] = {}
        self._cloud_names: dict[str, str | None] = {}
        self._ids: dict[str, str] = {}
        self._complaints: list[tuple[str, str]] = []
        self._failed: dict[str, str] = {}
        self.steps: list[Step] = []
        self.outputs: dict[str, Any] = {}
        self.changes: dict[str, int] = {}

    def read(self) -> None:
        """Take what was written since the last time."""
        try:
            with self._log.open("rb") as file:
                file.seek(self._position)
                new = file.read()
        except FileNotFoundError:
            return
        self._position += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        for line in lines:
            if line.strip():
                self._take(json.loads(line))

    def _take(self, event: Mapping[str, Any]) -> None:
        if "resourcePreEvent" in event:
            self._began_with(event["resourcePreEvent"]["metadata"])
        elif "resOutputsEvent" in event:
            self._ended(event["resOutputsEvent"]["metadata"], "done")
        elif "resOpFailedEvent" in event:
            self._ended(event["resOpFailedEvent"]["metadata"], "failed")
        elif "diagnosticEvent" in event:
            diagnostic = event["diagnosticEvent"]
            if diagnostic.get("severity") == "error":
                self._complaint(diagnostic.get("urn") or "", words.plain(diagnostic.get("message", "")))
        elif "summaryEvent" in event:
            self.changes = {op: count for op, count in (event["summaryEvent"].get("resourceChanges") or {}).items() if count}

    def _began_with(self, metadata: Mapping[str, Any]) -> None:
        urn, op = metadata["urn"], metadata["op"]
        type_, name = words.urn_parts(urn)
        self.steps.append(Step(op=op, type=type_, name=name, urn=urn, diffs=tuple(metadata.get("diffs") or ())))
        self._began[urn] = time.monotonic()
        inputs = (metadata.get("new") or metadata.get("old") or {}).get("inputs") or {}
        given = inputs.get("name") or (inputs.get("description") if type_.endswith(":FloatingIp") else None)
        self._cloud_names[urn] = given if isinstance(given, str) else None
        old = (metadata.get("old") or {}).get("id")
        if old:
            self._ids[urn] = old
        if type_ not in STRUCTURE:
            self._tell(self._event(urn, op, "running"))

    def _ended(self, metadata: Mapping[str, Any], status: Status) -> None:
        urn, op = metadata["urn"], metadata["op"]
        type_, _ = words.urn_parts(urn)
        new = metadata.get("new") or {}
        if new.get("id"):
            self._ids[urn] = new["id"]
        if type_ == STACK:
            self.outputs = new.get("outputs") or self.outputs
        if status == "failed":
            self._failed[urn] = op
        if type_ not in STRUCTURE:
            self._tell(self._event(urn, op, status))

    def _event(self, urn: str, op: str, status: Status) -> Event:
        type_, name = words.urn_parts(urn)
        now, counted = time.time(), time.monotonic()
        seconds = None if status == "running" else round(counted - self._began.get(urn, counted), 3)
        said = next((text for about, text in self._complaints if about == urn), None) if status == "failed" else None
        return Event(
            at=now, urn=urn, type=type_, name=name, cloud_name=self._cloud_names.get(urn), op=op, status=status, seconds=seconds,
            words=words.service_words(said) if said else None,
        )  # fmt: skip

    def _complaint(self, urn: str, text: str) -> None:
        repeated = words.sums_up(text) and any(about == urn for about, _ in self._complaints)
        if text and not repeated and (urn, text) not in self._complaints:
            self._complaints.append((urn, text))

    def diagnostics(self) -> list[Diagnostic]:
        """What failed; what is about a single thing first, what is about the whole run only when nothing else is there."""
        single = [self._diagnostic(urn, text) for urn, text in self._complaints if urn and words.urn_parts(urn)[0] not in STRUCTURE]
        return single or [self._diagnostic(urn, text) for urn, text in self._complaints]

    def _diagnostic(self, urn: str, text: str) -> Diagnostic:
        type_, name = words.urn_parts(urn) if urn else ("", "")
        return Diagnostic(
            words=words.service_words(text), name=name or None, cloud_name=self._cloud_names.get(urn), type=type_ or None, urn=urn or None,
            op=self._failed.get(urn), id=self._ids.get(urn) or words.mentioned_id(text), status=words.http_status(text), raw=text,
        )  # fmt: skip
