"""An address that the engine may call before there is anybody to answer: so it starts while this process still imports what makes the program.

The engine waits until its program's server says something; by then what it said is passed on, and what comes back too. A server of gRPC cannot be
given a socket that listens already.
"""

import contextlib
import errno
import socket
import threading
import time

PIECE = 65536
#: Between two looks, while nobody can be let in.
PAUSE_SECONDS = 0.1


class Door:
    """Listens at once; `lead_to` says where those who came are to be led."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._leading = threading.Event()
        self._target = ("127.0.0.1", 0)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    def lead_to(self, address: str) -> None:
        """From now on pass everything on to `HOST:PORT`."""
        host, _, port = address.rpartition(":")
        self._target = (host, int(port))
        self._leading.set()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listening.accept()
            except OSError:  # whoever called is gone, or no more files may be open now: the next one is let in all the same
                time.sleep(PAUSE_SECONDS)
                continue
            threading.Thread(target=self._lead, args=(caller,), daemon=True).start()

    def _lead(self, caller: socket.socket) -> None:
        self._leading.wait()
        with caller, contextlib.suppress(OSError), self._connected() as served:
            for one in (caller, served):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=_pass, args=(served, caller), daemon=True)
            back.start()
            _pass(caller, served)
            back.join()

    def _connected(self) -> socket.socket:
        """Raises OSError where nobody is there; while no more files may be open, it is tried again."""
        while True:
            try:
                return socket.create_connection(self._target)
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE):
                    raise
                time.sleep(PAUSE_SECONDS)


def _pass(source: socket.socket, sink: socket.socket) -> None:
    """Until either end is gone; then the other one hears of it."""
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
