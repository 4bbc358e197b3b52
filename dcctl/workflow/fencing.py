"""The engine's state under the lease's token: whoever takes an environment says so in the state's database, which then refuses every older token.

The trigger is `dcctl.migrations.fence`'s. A state in files (`file://`) has no fence.
"""

from collections.abc import Iterable

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool

from dcctl.errors import DcctlError
from dcctl.migrations import fence
from dcctl.workflow.leases import Lost

_LIFT = text("""
    INSERT INTO dcctl_fence (stack, token) VALUES (:stack, :token)
    ON CONFLICT (stack) DO UPDATE SET token = excluded.token, since = now() WHERE dcctl_fence.token < excluded.token""")
_TOKEN = text("SELECT token FROM dcctl_fence WHERE stack = :stack")


class Behind(Lost):
    """The state is of a younger token than the lease: of another run's, or dcctl's own database was restored to a day before it."""

    def __init__(self, stack: str, found: int, token: int) -> None:
        super().__init__(f"the state of {stack} is of token {found}, not of {token}")
        self.found = found


def lift(backend: str, stacks: Iterable[str], token: int) -> None:
    """From now on only `token` writes these stacks' state; a statement of an older one that is under way ends first.

    Raises:
        Behind: a younger token has one of them.
        DcctlError: DCCTL-411 without the fence, DCCTL-412 when the database does not answer.
    """
    url = fence.address(backend)
    if url is None:
        return
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 5, "application_name": "dcctl"})
    try:
        with engine.begin() as connection:
            for stack in stacks:
                connection.execute(_LIFT, {"stack": stack, "token": token})
                if (found := connection.execute(_TOKEN, {"stack": stack}).scalar_one()) != token:
                    raise Behind(stack, int(found), token)
    except ProgrammingError as error:
        raise DcctlError("DCCTL-411") from error
    except OperationalError as error:
        raise DcctlError("DCCTL-412") from error
    finally:
        engine.dispose()
