"""Who comes before anybody is there waits, and is led on with all that was said."""

import socket
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
    with socket.create_connection((host, int(port)), timeout=10) as early:
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
    with socket.create_server(("127.0.0.1", 0)) as gone:
        nowhere = f"127.0.0.1:{gone.getsockname()[1]}"
    with socket.create_connection((host, int(port)), timeout=10) as caller:
        door.lead_to(nowhere)
        assert caller.recv(100) == b""
