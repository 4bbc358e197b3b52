"""What a run does with its new lease before anything else: older tokens are fenced off, and what an unclean run left behind is ended.

First the credentials of earlier runs are taken away, by which even a frozen machine could go on inside OpenStack; then their processes on this
machine, then the engine's lock.

Only whoever holds the environment may do this: the engine's lock has no end of its own, and says nothing of who holds it.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from dcctl.errors import EngineError
from dcctl.provisioner import errors
from dcctl.provisioner.engine import Engine
from dcctl.workflow import fencing
from dcctl.workflow.app import App
from stacks import naming

if TYPE_CHECKING:
    from dcctl.workflow.run import Run


def succeed(app: App, run: "Run") -> None:
    """Make the environment this run's alone: in the engine's state, on this machine, and in the engine's lock.

    Raises:
        CloudError: credentials of earlier runs could not be taken away.
        EngineError: DCCTL-407 when processes of an earlier run cannot be ended, DCCTL-409 when there is no engine here.
        DcctlError: DCCTL-411, DCCTL-412: the engine's database has no fence, or does not answer.
        Lost: a younger run has the environment.
    """
    stacks = [naming.stack_name(app.region, run.administration, run.environment, layer) for layer in naming.LAYERS]
    settings = app.settings.engine
    engine = Engine(home=settings.home, backend=settings.backend, passphrase_file=settings.passphrase_file, seconds=settings.seconds)
    try:
        engine.check()
        lifted(settings.backend, stacks, run)
        engine = replace(engine, guard=run.guard)
        if run.unclean:
            run.credentials.remove_earlier()
            for stack in stacks:
                engine.unlock(stack)
    except errors.EngineLocked as error:
        raise EngineError("DCCTL-407", stack=error.stack) from error
    except errors.EngineMissing as error:
        raise EngineError("DCCTL-409", why=error.what, path=error.path, stack=stacks[0]) from error
    except errors.EngineFailed as error:
        raise EngineError("DCCTL-404", resource=stacks[0], words=error.summary, stack=stacks[0]) from error


def lifted(backend: str, stacks: list[str], run: "Run") -> None:
    """Fence older tokens off. A younger one, while the lease is this run's, says that dcctl's database was restored: tokens go on from there.

    Each stack may be of another younger token; all have the same one in the end.
    """
    while True:
        try:
            fencing.lift(backend, stacks, run.token)
        except fencing.Behind as behind:
            run.overtake(behind.found)  # raises Lost where the younger token is another run's
        else:
            return
