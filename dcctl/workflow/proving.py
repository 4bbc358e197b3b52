"""Exports of the ledger and of the audit trail, for whoever proves them elsewhere; nothing is decided here: nobody has to believe the server."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain

from sqlalchemy import Connection, text
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from dcctl.errors import DcctlError
from dcctl.workflow.app import App
from quotas import proof

#: Bytes that are sent at once, about.
PIECE = 1 << 16


def export(app: App) -> Iterator[bytes]:
    """Pieces of the ledger's export."""
    return streamed(app, lambda connection: proof.export(connection, datetime.now(UTC)))


def streamed(app: App, lines: Callable[[Connection], Iterator[bytes]]) -> Iterator[bytes]:
    """Pieces of an export, all of one moment; the first is read before this returns, so that an absent database is an error and no broken answer.

    Raises:
        DcctlError: 501.
    """
    pieces = _pieces(app, lines)
    try:
        first = next(pieces)
    except (OperationalError, InterfaceError, PoolExhausted) as error:
        raise DcctlError("DCCTL-501") from error
    return chain([first], pieces)


def _pieces(app: App, lines: Callable[[Connection], Iterator[bytes]]) -> Iterator[bytes]:
    with app.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        connection.execute(text("SET TRANSACTION READ ONLY"))
        piece: list[bytes] = []
        size = 0
        for line in lines(connection):
            piece.append(line)
            size += len(line)
            if size >= PIECE:
                yield b"".join(piece)
                piece, size = [], 0
        yield b"".join(piece)
