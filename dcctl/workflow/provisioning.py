"""One stack of one environment, run by the engine for an operation: with the right credentials, its events told, its errors in our words."""

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dcctl.errors import EngineError
from dcctl.provisioner import errors, state
from dcctl.provisioner.engine import Engine, Work
from dcctl.provisioner.job import Event
from dcctl.store import Environment, Operation
from dcctl.workflow import patience, recovery, states
from dcctl.workflow.app import App
from dcctl.workflow.credentials import service_entry
from dcctl.workflow.run import Cancelled, Run
from dcctl.workflow.verdicts import Facts
from stacks import naming
from stacks.environment import EnvironmentSpec
from stacks.plan import Resolved

#: Between two looks, while a service is left alone.
_LOOK_SECONDS = 0.5


class Layer:
    """The tenant's stack (with the administrator's entry) or the workload's (with the build user's, in the environment's project)."""

    def __init__(
        self, app: App, run: Run | None, layer: naming.Layer, spec: EnvironmentSpec, resolved: Resolved, *, project_id: str | None = None
    ) -> None:
        """`run` is None for what only looks."""
        self.app = app
        self.run = run
        self.work = Work(layer=layer, spec=spec, resolved=resolved)
        self.project_id = project_id
        settings = app.settings.engine
        self.engine = Engine(
            home=settings.home, backend=settings.backend, passphrase_file=settings.passphrase_file, seconds=settings.seconds,
            parallel=settings.parallel, guard=None if run is None else run.guard,
        )

    def up(self, *, replace: Collection[str] = (), change: Collection[str] | None = None, refresh: bool = False) -> Mapping[str, Any]:
        """Make what the plan has; the program's outputs. After an unclean end it is looked first what is there (`dcctl.workflow.recovery`).

        Where all went well before, nothing is looked at: what shows that something did not, the engine says before it does anything.

        Args:
            replace: logical names of what may be destroyed for it; `change`: of what may be changed in place, where all went well before.
            refresh: look at the cloud first, and bring back what is otherwise there.
        """
        run, done = self._of_a_run(), False

        def looking() -> Mapping[str, Any]:
            return self._recovered(run, replace, refresh)

        def at_once() -> Mapping[str, Any]:
            try:
                return self._up(recovery.Recovered(), replace, refresh, change=change, expected=self._made_before())
            except (errors.EnginePending, errors.EngineStateLost, errors.EngineLocked):
                self.engine.unlock(self.work.stack)  # this run has the environment, so nothing else may hold it
                return looking()

        with self._translated():
            try:
                made = patience.patiently(looking if run.unclean else at_once, self._wait, looking)
                done = True
                return made
            finally:
                states.keep(self.app, self.engine, self.work.stack, run.id, run.transaction, done=done)

    def _up(
        self, recovered: recovery.Recovered, replace: Collection[str], refresh: bool, *, change: Collection[str] | None = None, expected: bool = False
    ) -> Mapping[str, Any]:
        return self.engine.up(
            self.work, cloud=self._entry(), on_event=self._tell, cancelled=self._cancelled, adopt=recovered.adopt, settled=recovered.settled,
            replace=replace, change=change, refresh=refresh, expected=expected,
        ).outputs  # fmt: skip

    def _recovered(self, run: Run, replace: Collection[str], refresh: bool) -> Mapping[str, Any]:
        return self._up(recovery.recover(self._ground(run), run.tell), replace, refresh)

    def _of_a_run(self) -> Run:
        assert self.run is not None, "only a run makes or destroys anything"
        return self.run

    def _ground(self, run: Run) -> recovery.Ground:
        """Where a recovery of this stack works."""
        with self.app.reading() as session:
            operation = session.get_one(Operation, run.id)
            environment = session.get(Environment, operation.environment_id) if operation.environment_id is not None else None
            remembered = states.latest(session, self.work.stack)
        return recovery.Ground(
            cloud=self.app.cloud(), engine=self.engine, work=self.work, project_id=self.project_id,
            unused=environment is None or environment.expires_at is None, remembered=remembered,
        )  # fmt: skip

    def _made_before(self) -> bool:
        with self.app.reading() as session:
            return states.expected(session, self.work.stack)

    def forecast(self, *, refresh: bool = False) -> tuple[errors.Step, ...]:
        """What `up` would do, whatever it is; nothing is changed. Where a killed run had begun to make something, it must be looked for first."""
        with self._translated():
            if begun := sorted(state.creating(states.read(self.engine, self.work.stack))):
                raise errors.EnginePending(f"being made, or left in the middle: {', '.join(begun)}")
            return self.engine.forecast(self.work, cloud=self._entry(), refresh=refresh)

    def destroy(self) -> None:
        """Destroy all of the stack, and the stack; what the state does not know, a sweep has to find."""
        with self._translated():
            try:
                self._destroy()
            except errors.EngineLocked:
                self.engine.unlock(self.work.stack)
                self._destroy()
            except errors.EngineStateLost:
                self.engine.unlock(self.work.stack)
                self.engine.restore(self.work.stack, state.EMPTY)
                self._destroy()

    def forget(self) -> None:
        """Forget the stack and its state: what it had was swept by other means."""
        with self._translated():
            try:
                self.engine.remove(self.work.stack)
            except errors.EngineLocked:
                self.engine.unlock(self.work.stack)
                self.engine.remove(self.work.stack)

    def _destroy(self) -> None:
        patience.patiently(lambda: self.engine.destroy(self.work.stack, cloud=self._entry(), on_event=self._tell), self._wait)

    def _wait(self, seconds: float, failed: errors.EngineFailed) -> None:
        """Leave a busy service alone for so long, while the environment is this run's and nobody asks for the end."""
        run = self._of_a_run()
        run.tell("busy", layer=self.work.layer, seconds=seconds, words=failed.summary)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            run.heartbeat.check()
            if self._cancelled():
                raise Cancelled(self.work.layer)
            time.sleep(_LOOK_SECONDS)

    def known(self, ground: recovery.Ground) -> tuple[state.State | None, Facts]:
        """What the state knows (`recovery.state_of`)."""
        with self._translated():
            return recovery.state_of(ground)

    def rebuild(self, rebuilt: state.State, things: Mapping[str, str]) -> None:
        """Put another state in the place of the stack's (`Engine.rebuild`); the cloud is only read."""
        with self._translated():
            self.engine.rebuild(self.work.stack, rebuilt, things, cloud=self._entry())

    def ids(self) -> frozenset[str]:
        """Ids in the cloud of everything that the stack has; none where its state is lost."""
        with self._translated():
            try:
                exported = self.engine.export(self.work.stack)
            except errors.EngineStateLost:
                exported = None
        return frozenset(thing.id for thing in state.recorded(exported).values())

    def _entry(self) -> dict[str, Any]:
        if self.run is None:  # whoever only looks needs no credential that a successor could take away
            return service_entry(self.app.settings, self.work.layer, self.project_id)
        return self.run.credentials.entry(self.work.layer, self.project_id)

    def _tell(self, event: Event) -> None:
        if event.op == "same" or self.run is None:
            return
        self.run.tell(
            "resource",
            name=event.name,
            cloud_name=event.cloud_name,
            type=event.type,
            op=event.op,
            status=event.status,
            seconds=event.seconds,
            words=event.words,
            layer=self.work.layer,
        )

    def _cancelled(self) -> bool:
        if self.run is None:
            return False
        with self.app.reading() as session:
            return session.get_one(Operation, self.run.id).cancel_requested

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except errors.EngineCancelled as error:
            raise Cancelled(self.work.layer) from error
        except errors.EngineFailed as error:
            names = [d.cloud_name or d.name for d in error.diagnostics if d.cloud_name or d.name]
            resource = ", ".join(name for name in names if name) or self.work.stack
            raise EngineError("DCCTL-404", resource=resource, words=error.summary, stack=self.work.stack) from error
        except errors.EngineLocked as error:
            raise EngineError("DCCTL-407", stack=error.stack) from error
        except errors.EngineMissing as error:
            raise EngineError("DCCTL-409", why=error.what, path=error.path, stack=self.work.stack) from error
        except errors.PlanExceeded as error:
            raise EngineError("DCCTL-405", steps=[f"{step.op} {step.type} {step.name}" for step in error.steps]) from error
