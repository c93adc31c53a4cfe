"""What a worker finds at the address of its chief, and in its project."""

import http.server
import os
import socket
import threading
import time

import pytest

from kt_evolution.keras_tuner_bridge import chief_address
from kt_evolution.keras_tuner_bridge import rpc
from kt_evolution.workers import failed_chief
from kt_evolution.workers import host_client
from tests.distributed.fleet import free_port
from tests.distributed.test_chief_address import be


@pytest.fixture
def listener():
    """A program that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def be_worker_of(monkeypatch, port, patience="60"):
    be(
        monkeypatch,
        KERASTUNER_ORACLE_PORT=str(port),
        KT_EVOLUTION_CHIEF_SECONDS=patience,
    )
    monkeypatch.setattr(host_client, "SOON", 0.3)


def call(folder):
    """Calls a chief that never comes, and returns how the worker ends."""
    stub = host_client.PatientStub("worker_1", folder, max_trials=5)
    with pytest.raises(host_client.SearchEnded) as info:
        stub.GetBestTrials(rpc.ask_for_nothing())
    return str(info.value)


def answering(server, answer):
    """Answers each connection in a thread, and closes it."""

    def run():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.sendall(answer)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        # An alert of TLS.
        bytes([21, 3, 3, 0, 2, 2, 40]),
    ],
)
def test_worker_ends_at_once_where_another_program_answers(
    tmp_path, monkeypatch, listener, answer
):
    port = listener.getsockname()[1]
    be_worker_of(monkeypatch, port)
    answering(listener, answer)
    message = call(tmp_path)
    assert message == (
        f"What listens at 127.0.0.1:{port} is no chief of a search, so "
        f"worker_1 ends: it answers {answer[:9]!r}. Check "
        "KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT."
    )


def test_web_server_is_no_chief(tmp_path, monkeypatch, capfd):
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler
    )
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        be_worker_of(monkeypatch, server.server_address[1])
        assert "is no chief of a search" in call(tmp_path)
        server.shutdown()


@pytest.mark.parametrize("is_closed", [True, False])
def test_worker_waits_where_nothing_is_answered(
    tmp_path, monkeypatch, listener, capsys, is_closed
):
    """A tunnel of SSH closes connections until its other end has a chief."""
    be_worker_of(monkeypatch, listener.getsockname()[1], patience="3")
    if is_closed:
        answering(listener, b"")
    assert call(tmp_path).startswith("No chief has answered for 3.0 s")
    assert (
        "Something listens there that does not answer as a chief does."
        in capsys.readouterr().out
    )


def test_a_worker_says_which_process_is_the_chief(
    tmp_path, monkeypatch, capsys
):
    be_worker_of(monkeypatch, free_port(), patience="1")
    assert call(tmp_path).startswith("No chief has answered")
    assert (
        "The chief is the process whose KERASTUNER_TUNER_ID contains 'chief'."
        in capsys.readouterr().out
    )


def test_server_of_grpc_is_not_taken_for_another(monkeypatch):
    from concurrent import futures

    import grpc

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    port = server.add_insecure_port("127.0.0.1:0")
    be_worker_of(monkeypatch, port)
    server.start()
    assert not chief_address.is_silent()
    server.stop(None).wait()


# A chief that ended before it listened.


def fail(folder, monkeypatch, error):
    """Lets a chief fail before it listens."""
    with monkeypatch.context() as patch:
        be(patch, KERASTUNER_TUNER_ID="chief")
        with pytest.raises(type(error)), failed_chief.noting_failure(folder):
            raise error


def test_worker_ends_with_the_error_of_its_chief(tmp_path, monkeypatch):
    be_worker_of(monkeypatch, free_port())
    fail(tmp_path, monkeypatch, NameError("name 'unts' is not defined"))
    assert call(tmp_path) == (
        "worker_1 ends, because its chief ended before it could answer: "
        "NameError: name 'unts' is not defined."
    )


def test_error_of_an_earlier_chief_ends_no_worker(
    tmp_path, monkeypatch, capsys
):
    be_worker_of(monkeypatch, free_port(), patience="1")
    fail(tmp_path, monkeypatch, ValueError("No such range."))
    an_hour_ago = time.time() - 3600
    os.utime(tmp_path / failed_chief.FILE_NAME, (an_hour_ago, an_hour_ago))
    assert call(tmp_path).startswith("No chief has answered")
    assert (
        "The last chief had an error: ValueError: No such range.\n"
        in capsys.readouterr().out
    )


def test_next_chief_removes_the_error(tmp_path, monkeypatch):
    be(monkeypatch, KERASTUNER_TUNER_ID="chief")
    fail(tmp_path, monkeypatch, ValueError("No such range."))
    with failed_chief.noting_failure(tmp_path):
        assert failed_chief.failure_of_chief(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [None, "worker_1"])
def test_other_processes_leave_no_error(tmp_path, monkeypatch, name):
    ip = None if name is None else "127.0.0.1"
    be(monkeypatch, KERASTUNER_ORACLE_IP=ip, KERASTUNER_TUNER_ID=name)
    with pytest.raises(ValueError), failed_chief.noting_failure(tmp_path):
        raise ValueError
    assert list(tmp_path.iterdir()) == []
