"""The address of a chief, and what is said if it makes no sense."""

import socket
import time

import pytest

import kt_evolution
from tests.distributed.test_chief_and_workers import free_port
from tests.project import searches

VARIABLES = {
    "KERASTUNER_ORACLE_IP": "127.0.0.1",
    "KERASTUNER_ORACLE_PORT": "8000",
    "KERASTUNER_TUNER_ID": "worker_1",
}
UNUSABLE = [
    ("KERASTUNER_ORACLE_IP", ""),
    ("KERASTUNER_ORACLE_IP", "http://10.0.0.1"),
    ("KERASTUNER_ORACLE_PORT", None),
    ("KERASTUNER_ORACLE_PORT", ""),
    ("KERASTUNER_ORACLE_PORT", "0"),
    ("KERASTUNER_ORACLE_PORT", "70000"),
    ("KERASTUNER_ORACLE_PORT", "eight"),
    ("KERASTUNER_ORACLE_PORT", "-1"),
    ("KERASTUNER_TUNER_ID", None),
    ("KERASTUNER_TUNER_ID", ""),
]


class Squares(kt_evolution.EvolutionTuner):
    def run_trial(self, trial, **kwargs):
        return trial.hyperparameters.Float("x", 0.0, 1.0) ** 2


def make_tuner(folder, **kwargs):
    return Squares(
        max_trials=1, directory=folder, project_name="project", **kwargs
    )


def be(monkeypatch, **changed):
    for name, value in {**VARIABLES, **changed}.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)


@pytest.mark.parametrize("tuner_id", ["chief", "worker_1"])
@pytest.mark.parametrize("name, value", UNUSABLE)
def test_variable_without_meaning_is_an_error(
    tmp_path, monkeypatch, tuner_id, name, value
):
    make_tuner(tmp_path).search(verbose=0)
    journal = tmp_path / "project" / "journal.jsonl"
    before = journal.read_bytes()
    be(monkeypatch, **{"KERASTUNER_TUNER_ID": tuner_id, name: value})
    with pytest.raises(ValueError, match=name) as info:
        make_tuner(tmp_path, overwrite=True)
    received = (
        f"{name} is not set" if value is None else f"Received: {name}={value!r}"
    )
    assert str(info.value).endswith(received)
    assert "\n" not in str(info.value)
    assert journal.read_bytes() == before


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "given, said",
    [
        (["KERASTUNER_TUNER_ID"], "KERASTUNER_TUNER_ID='worker_1'"),
        (
            ["KERASTUNER_ORACLE_PORT", "KERASTUNER_TUNER_ID"],
            "KERASTUNER_ORACLE_PORT='8000' and KERASTUNER_TUNER_ID='worker_1'",
        ),
    ],
)
def test_variables_without_an_address_are_warned_of(
    tmp_path, monkeypatch, given, said, workers
):
    be(monkeypatch, **{name: None for name in VARIABLES.keys() - set(given)})
    with pytest.warns(UserWarning) as warned:
        make_tuner(tmp_path, workers=workers)
    assert [str(one.message) for one in warned] == [
        "KERASTUNER_ORACLE_IP is not set, so this process is no part of a "
        f"distributed search, and searches alone. It has {said}. Set "
        "KERASTUNER_ORACLE_IP, KERASTUNER_ORACLE_PORT and "
        "KERASTUNER_TUNER_ID for the chief and all workers, or none of them."
    ]


def test_worker_whose_id_nearly_names_the_chief_is_warned(
    tmp_path, monkeypatch
):
    be(monkeypatch, KERASTUNER_TUNER_ID="Chief")
    with pytest.warns(UserWarning, match="KERASTUNER_TUNER_ID='Chief' makes"):
        make_tuner(tmp_path)


class Counting(Squares):
    """Has a state of its own."""

    count = 0

    def get_state(self):
        return {"count": self.count}

    def set_state(self, state):
        self.count = state["count"]


@pytest.mark.parametrize("tuner_class", [Squares, Counting])
def test_only_a_worker_with_a_state_reloads_it(
    tmp_path, monkeypatch, capsys, tuner_class
):
    be(monkeypatch)
    for count in range(2):
        tuner = tuner_class(max_trials=1, directory=tmp_path)
        assert getattr(tuner, "count", count) == count
        tuner.count = 1
        tuner.save()
    has_state = tuner_class is Counting
    assert ("Reloading Tuner" in capsys.readouterr().out) == has_state
    path = tmp_path / "untitled_project" / "worker_1.json"
    assert path.exists() == has_state


def check_chief(tmp_path, monkeypatch, ip, port):
    """Checks that a chief of an address ends with an error at once."""
    be(
        monkeypatch,
        KERASTUNER_ORACLE_IP=ip,
        KERASTUNER_ORACLE_PORT=str(port),
        KERASTUNER_TUNER_ID="chief",
    )
    with pytest.raises(ValueError, match="of this machine") as info:
        make_tuner(tmp_path).search(verbose=0)
    # No other traceback is above its own.
    assert info.value.__suppress_context__
    message = str(info.value)
    assert f"KERASTUNER_ORACLE_IP={ip!r}" in message
    assert "\n" not in message
    return message


def test_port_that_another_process_uses_is_an_error(tmp_path, monkeypatch):
    with socket.socket() as other:
        # Servers of gRPC share their ports unless they are told not to.
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        message = check_chief(tmp_path, monkeypatch, "127.0.0.1", port)
    assert message.endswith(f"KERASTUNER_ORACLE_PORT='{port}'")
    # Its workers are told.
    error = (tmp_path / "project" / "chief_error.txt").read_text()
    assert error == f"ValueError: {message}"


# The first one is kept for documentation, and no machine has it.
@pytest.mark.parametrize("ip", ["192.0.2.1", "no-such-machine.invalid"])
def test_address_of_another_machine_is_an_error(tmp_path, monkeypatch, ip):
    check_chief(tmp_path, monkeypatch, ip, free_port())


def search_as(folder, directory, ip, port, tuner_id):
    with pytest.MonkeyPatch.context() as monkeypatch:
        be(
            monkeypatch,
            KERASTUNER_ORACLE_IP=ip,
            KERASTUNER_ORACLE_PORT=str(port),
            KERASTUNER_TUNER_ID=tuner_id,
        )
        make_tuner(directory).search(verbose=0)


def test_chief_listens_on_its_address_only_and_survives_garbage(tmp_path):
    port = free_port()
    args = (tmp_path, "127.0.0.1", port)
    chief = searches.start(search_as, tmp_path / "chief", *args, "chief")
    connection = connect("127.0.0.1", port, chief)
    try:
        with pytest.raises(OSError):
            # Another address of this machine.
            socket.create_connection(("127.0.0.2", port), timeout=1)
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n" + bytes(range(256)) * 64)
        # The search comes to its end as if nothing had been sent.
        folder = tmp_path / "worker"
        assert searches.run(search_as, folder, *args, "worker_1") == 0
        chief.join(60)
        assert chief.exitcode == 0, searches.output(tmp_path / "chief")
    finally:
        connection.close()
        chief.kill()
    assert len(searches.ended(tmp_path)) == 1


def connect(ip, port, chief):
    """Returns a connection to a chief, as soon as it listens."""
    while chief.is_alive():
        try:
            return socket.create_connection((ip, port), timeout=5)
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise AssertionError("The chief ended.")
