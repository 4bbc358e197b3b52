"""The engine as the rest of dcctl sees it: one call, one run in a child process, its events as they come, its outcome or an error."""

import contextlib
import json
import os
import queue
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dcctl
from dcctl.provisioner import directories, errors, processes
from dcctl.provisioner.guardian import KILLED
from dcctl.provisioner.job import Action, Event, Job, Outcome
from dcctl.words import N_
from stacks import naming
from stacks.environment import EnvironmentSpec, to_document
from stacks.plan import Resolved

#: What runs are told to go on until, where there is no lease.
ENDLESS = "-"
PLUGIN = Path("plugins/resource-openstack-v5.5.3/pulumi-resource-openstack")
# A run ends itself when it is late; after this much more it is taken for frozen.
PATIENCE_SECONDS = 60.0
# Between two looks whether the lease was renewed; short beside a third of the shortest lease.
RENEWAL_SECONDS = 0.1
# What a run inherits from its parent; everything else of the parent's environment stays out, OS_* and DCCTL_* above all.
INHERITED = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "PGPASSFILE", "http_proxy", "https_proxy",
    "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PYTHONDONTWRITEBYTECODE",
)  # fmt: skip

OnEvent = Callable[[Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A stack of one environment: which, and from what its program is made."""

    layer: naming.Layer
    spec: EnvironmentSpec
    resolved: Resolved

    @property
    def stack(self) -> str:
        return naming.stack_name(self.resolved.region, self.spec.administration, self.spec.name, self.layer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The lease under which a run works: its token, by which the state knows it, and until when (`processes.boottime`) the run may go on."""

    token: int
    until: Callable[[], float]


def fenced(backend: str, token: int) -> str:
    """The state's address with the token, which its database reads as a run-time parameter; only PostgreSQL has a fence."""
    if not backend.startswith("postgres"):
        return backend
    return f"{backend}{'&' if '?' in backend else '?'}dcctl.fence={token}"


def _nothing(event: Event) -> None:
    pass


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Settings of the engine.

    `home` has bin/pulumi and plugins/ (what infra/pulumi/install.py prints); `backend` is `postgres://…` or `file://…`; `seconds` is the
    longest time of one run, `patience` how long it may take to end in order once it is told to; `parallel` how many things it makes at once.
    All methods block; `on_event` is called in the caller's thread, and `cancelled` is asked a few times a second, both until the run has ended.
    Errors: dcctl.provisioner.errors.

    `cloud` is one entry of a clouds.yaml: `{"auth": {…}, "region_name": …}`; the tenant's with the cloud's administrator, the workload's with the
    build user and the project's id.
    """

    home: Path
    backend: str
    passphrase_file: Path
    seconds: float = 900.0
    patience: float = 10.0
    parallel: int = 16
    guard: Guard | None = None
    """None: a run without a lease, which only whoever has the stack for themselves may do."""

    def up(
        self,
        work: Work,
        *,
        cloud: Mapping[str, Any],
        on_event: OnEvent = _nothing,
        cancelled: Callable[[], bool] = _never,
        adopt: Mapping[str, str] | None = None,
        settled: Collection[str] = (),
        replace: Collection[str] = (),
        change: Collection[str] | None = None,
        refresh: bool = False,
        expected: bool = False,
    ) -> Outcome:
        """Make what the plan of `work` says and is not there yet.

        Args:
            expected: the stack has something already; without it in its state nothing is done (EngineStateLost).
            adopt: ids, by logical name, of things that exist but are not in the stack's state; they are taken over.
            settled: logical names that a killed run was making and that were looked for and not found.
            replace: logical names that may be replaced or deleted, protected or not; nothing else may.
            change: logical names that may be changed in place; None: everything of the plan may.
            refresh: look at the cloud first, and bring back what is otherwise there than the state says.
        """
        result = self._run(
            "up", work.stack, work=work, cloud=cloud, on_event=on_event, cancelled=cancelled, adopt=adopt or {}, settled=settled, replace=replace,
            change=change, refresh=refresh, expected=expected,
        )  # fmt: skip
        return Outcome(outputs=result["outputs"], changes=result["changes"], seconds=result["seconds"])

    def preview(self, work: Work, *, cloud: Mapping[str, Any], replace: Collection[str] = ()) -> tuple[errors.Step, ...]:
        """What `up` would do; the stack must exist. Raises PlanExceeded as `up` would."""
        result = self._run("preview", work.stack, work=work, cloud=cloud, replace=replace)
        return tuple(errors.Step.from_document(step) for step in result["steps"])

    def forecast(self, work: Work, *, cloud: Mapping[str, Any], refresh: bool = False) -> tuple[errors.Step, ...]:
        """Everything that an `up` of `work` would do if nothing were forbidden, destruction of protected things too; nothing is changed.

        The engine's preview takes no lock, so it waits for no run and no run for it; what a killed run had begun is not in it (whoever asks looks).
        `refresh`: what is otherwise in the cloud than the state says is brought back too.
        """
        result = self._run("forecast", work.stack, work=work, cloud=cloud, refresh=refresh)
        return tuple(errors.Step.from_document(step) for step in result["steps"])

    def destroy(self, stack: str, *, cloud: Mapping[str, Any], on_event: OnEvent = _nothing, cancelled: Callable[[], bool] = _never) -> Outcome:
        """Destroy everything of the stack, protected things too, and the stack; a stack that is not there is destroyed already."""
        result = self._run("destroy", stack, cloud=cloud, on_event=on_event, cancelled=cancelled)
        return Outcome(changes=result["changes"], seconds=result["seconds"])

    def remove(self, stack: str) -> None:
        """Forget the stack and its state without touching the cloud: for what was swept by other means."""
        self._run("remove", stack)

    def export(self, stack: str) -> Mapping[str, Any] | None:
        """The stack's state as the engine exports it, secrets encrypted; None when there is no such stack.

        Raises:
            EngineStateLost: what is there cannot be read.
        """
        state: Mapping[str, Any] | None = self._run("export", stack)["state"]
        return state

    def restore(self, stack: str, state: Mapping[str, Any]) -> None:
        """Put a state in the place of the stack's, whatever that is by now; a stack that is not there is made. Nothing in the cloud is touched.

        Only for whoever holds the environment.
        """
        self._run("restore", stack, state=state)

    def rebuild(self, stack: str, state: Mapping[str, Any], things: Mapping[str, str], *, cloud: Mapping[str, Any]) -> None:
        """Put a state in the place of the stack's in which some things have nothing but their ids; what they are is read from the cloud first.

        The cloud is only read. The stack's state stays as it was until the other one is whole. Only for whoever holds the environment.

        Args:
            state: as `provisioner.skeleton.rebuilt` gives it; `things`: ids by URN of what is to be read.

        Raises:
            EngineFailed: something could not be read, or is not there.
        """
        self._run("rebuild", stack, cloud=cloud, adopt=things, state=state)

    def unlock(self, stack: str) -> None:
        """Take away the lock that a killed run left; what such a run left running on this machine is ended first.

        Only for whoever holds the environment: on another machine a run may still go on.
        """
        if not processes.end(lambda: processes.marked("DCCTL_STACK", stack), reaping=False):
            raise errors.EngineLocked(stack, "processes of an earlier run could not be ended")
        self._run("unlock", stack)

    def _run(
        self,
        action: Action,
        stack: str,
        *,
        work: Work | None = None,
        cloud: Mapping[str, Any] | None = None,
        on_event: OnEvent = _nothing,
        cancelled: Callable[[], bool] = _never,
        adopt: Mapping[str, str] | None = None,
        settled: Collection[str] = (),
        replace: Collection[str] = (),
        change: Collection[str] | None = None,
        refresh: bool = False,
        expected: bool = False,
        state: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        self.check()
        with directories.private(self.home, cloud) as directory:
            job = Job(
                action=action, stack=stack, directory=str(directory), engine=str(self.home / "bin" / "pulumi"), seconds=self.seconds,
                patience=self.patience, parallel=self.parallel, layer=work.layer if work else None, spec=to_document(work.spec) if work else None,
                resolved=work.resolved.to_document() if work else None, adopt=dict(adopt or {}), settled=tuple(settled), replace=tuple(replace),
                change=None if change is None else tuple(change), refresh=refresh, expected=expected, state=state,
            )  # fmt: skip
            token = secrets.token_hex(8)
            try:
                return self._follow(job, self._environment(directory, stack, token), on_event, cancelled)
            finally:
                # The run ends all of its own; this is for a run that was killed.
                processes.end(lambda: processes.marked("DCCTL_RUN", token), reaping=False)

    def _follow(self, job: Job, environment: Mapping[str, str], on_event: OnEvent, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """Start the run and hear it out."""
        deadline = time.monotonic() + job.seconds + PATIENCE_SECONDS
        until = self._until()
        with (Path(job.directory) / "stderr").open("w+") as complaints, _started(environment, complaints, until) as process, _Reins(process) as reins:
            reins.say(json.dumps(job.to_document()))
            reins.renew(self._until, until)
            last: dict[str, Any] = {}
            told = False
            for document in _lines(process):
                if document is None:
                    if process.poll() is not None:
                        # The guardian was killed; what it leaves would keep our end of the pipe open.
                        processes.end(lambda: processes.marked("DCCTL_RUN", environment["DCCTL_RUN"]), reaping=False)
                    if not told and cancelled():
                        told = True
                        reins.say("cancel")
                    if time.monotonic() > deadline:
                        process.kill()
                elif "event" in document:
                    on_event(Event(**document["event"]))
                else:
                    last = document
            status = process.wait()
            if status == KILLED:
                raise errors.EngineFenced("the lease was not renewed in time")
            if "result" in last:
                return dict(last["result"])
            if "error" in last and status >= 0:
                raise errors.from_document(job.stack, last["error"])
            complaints.seek(0)
            raise errors.EngineBroken(f"the run ended by itself (status {status}): {complaints.read()[-2000:]}".strip(": \n"))

    def _until(self) -> str:
        return ENDLESS if self.guard is None else f"{self.guard.until():.3f}"

    def check(self) -> None:
        """Return when engine, plugin and passphrase are there; raises EngineMissing."""
        for what, path in ((N_("Pulumi engine"), self.home / "bin" / "pulumi"), (N_("OpenStack provider"), self.home / PLUGIN)):
            if not os.access(path, os.X_OK):
                raise errors.EngineMissing(what, str(path))
        if not os.access(self.passphrase_file, os.R_OK):
            raise errors.EngineMissing(N_("passphrase"), str(self.passphrase_file))

    def _environment(self, directory: Path, stack: str, token: str) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        return {
            **inherited,
            "TMPDIR": str(directory / "tmp"),
            "PYTHONPATH": str(Path(dcctl.__file__).parents[1]),
            "DCCTL_RUN": token,
            "DCCTL_STACK": stack,
            processes.GUARDED: "1",
            "OS_CLIENT_CONFIG_FILE": str(directory / "clouds.yaml"),
            "PULUMI_HOME": str(directory / "home"),
            "PULUMI_BACKEND_URL": self.backend if self.guard is None else fenced(self.backend, self.guard.token),
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.passphrase_file.resolve()),
            "PULUMI_DEBUG_COMMANDS": "true",  # without it the command does not know --event-log
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK": "true",
        }


class _Reins:
    """What a run is told while it goes on, a line each; the lease's renewals by a thread of their own, so that a database which makes whoever hears
    the run's events wait does not let the run be taken for orphaned."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._speaking = threading.Lock()
        self._ending = threading.Event()
        self._renewing: threading.Thread | None = None

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        with self._speaking, contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def renew(self, until: Callable[[], str], told: str) -> None:
        """From now on say whenever `until` is another than was told."""
        self._renewing = threading.Thread(target=self._renew, args=(until, told), daemon=True)
        self._renewing.start()

    def _renew(self, until: Callable[[], str], told: str) -> None:
        while not self._ending.wait(RENEWAL_SECONDS):
            if (now := until()) != told:
                told = now
                self.say(f"until {told}")

    def __enter__(self) -> "_Reins":
        return self

    def __exit__(self, *exception: object) -> None:
        self._ending.set()
        if self._renewing is not None:
            self._renewing.join()


@contextlib.contextmanager
def _started(environment: Mapping[str, str], complaints: Any, until: str) -> Iterator["subprocess.Popen[str]"]:
    """A run under its guardian; it is ended with the block, by the end of its standard input when it still goes on."""
    # Without site-packages, of which the guardian needs nothing, it is there in half the time.
    command = [sys.executable, "-S", "-m", processes.GUARDIAN, until, sys.executable, "-W", "ignore", "-m", "dcctl.provisioner.run"]
    process = processes.started(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, env=environment, cwd="/", text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        processes.forgotten(process)
        process.stdout.close()


def _lines(process: "subprocess.Popen[str]") -> Iterator[dict[str, Any] | None]:
    """The run's documents as they come; None whenever nothing came for a moment."""
    documents: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with contextlib.suppress(ValueError):
                documents.put(json.loads(line))
        documents.put(None)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    while True:
        try:
            document = documents.get(timeout=0.2)
        except queue.Empty:
            yield None
            continue
        if document is None:
            listener.join()
            return
        yield document
