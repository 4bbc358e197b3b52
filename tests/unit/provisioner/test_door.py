"""Who comes before anybody is there waits, and is led on with all that was said."""

import contextlib
import os
import resource
import socket
import subprocess
import sys
import threading

from dcctl.provisioner.door import Door


def answering(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        while said := connection.recv(100):
            connection.sendall(said.upper())


def test_what_was_said_before_anybody_was_there_is_heard_and_answered():
    door = Door()
    host, _, port = door.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=60) as early:
        early.sendall(b"bonjour")
        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=answering, args=(server,), daemon=True).start()
            door.lead_to(f"127.0.0.1:{server.getsockname()[1]}")
            assert early.recv(100) == b"BONJOUR"
            early.sendall(b"encore")
            assert early.recv(100) == b"ENCORE"
            early.shutdown(socket.SHUT_WR)
            assert early.recv(100) == b""


def test_where_nobody_is_the_caller_hears_it():
    door = Door()
    host, _, port = door.address.rpartition(":")
    with socket.socket() as nobody, socket.create_connection((host, int(port)), timeout=60) as caller:
        nobody.bind(("127.0.0.1", 0))  # bound, and nobody listens
        door.lead_to(f"127.0.0.1:{nobody.getsockname()[1]}")
        assert caller.recv(100) == b""


def test_callers_who_come_while_no_file_can_be_opened_are_let_in_later():
    """In a process of its own, whose files are few."""
    code = f"from {__name__} import few_files; few_files()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "UN\nDEUX\n"), done.stderr


def few_files() -> None:
    door = Door()
    server = socket.create_server(("127.0.0.1", 0))
    for _ in range(2):
        threading.Thread(target=answering, args=(server,), daemon=True).start()
    door.lead_to(f"127.0.0.1:{server.getsockname()[1]}")
    host, _, port = door.address.rpartition(":")
    callers = [socket.socket(), socket.socket()]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, most))
    with contextlib.suppress(OSError):
        while True:
            os.open(os.devnull, os.O_RDONLY)
    for caller, words in zip(callers, (b"un", b"deux"), strict=True):
        caller.settimeout(20)
        # The kernel takes them. The first one is let in by what `accept` has kept for it, and led nowhere; the second one is not even let in.
        caller.connect((host, int(port)))
        caller.sendall(words)
    threading.Event().wait(0.5)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, most))
    for caller in callers:
        print(caller.recv(100).decode())
