"""The ledger's export, for whoever proves it elsewhere; nothing is decided here, so that nobody has to believe the server's word."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain

from sqlalchemy import text
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from dcctl.errors import DcctlError
from dcctl.workflow.app import App
from quotas import proof

#: Bytes that are sent at once, about.
PIECE = 1 << 16


def export(app: App) -> Iterator[bytes]:
    """Pieces of the export, all of one moment; the first is read before this returns, so that an absent database is an error and no broken answer.

    Raises:
        DcctlError: 501.
    """
    pieces = _pieces(app)
    try:
        first = next(pieces)
    except (OperationalError, InterfaceError, PoolExhausted) as error:
        raise DcctlError("DCCTL-501") from error
    return chain([first], pieces)


def _pieces(app: App) -> Iterator[bytes]:
    with app.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        connection.execute(text("SET TRANSACTION READ ONLY"))
        piece: list[bytes] = []
        size = 0
        for line in proof.export(connection, datetime.now(UTC)):
            piece.append(line)
            size += len(line)
            if size >= PIECE:
                yield b"".join(piece)
                piece, size = [], 0
        yield b"".join(piece)
