"""What a worker adds to its calls, as its chief reads it."""

import json

import pytest

from kt_evolution.workers.host_calls import KEY
from kt_evolution.workers.host_calls import Caller
from kt_evolution.workers.host_calls import Holder
from kt_evolution.workers.host_calls import caller_of
from kt_evolution.workers.host_calls import holder_of


@pytest.mark.parametrize(
    "caller",
    [
        Caller("worker_1", "host/1/x", 30.0),
        Caller("Łódź ☃", "host/1/x", 0.5, "07", 12, replaces="host/2/y"),
        Caller("a", "b", 1, is_leaving=True, is_interrupted=True, error="e"),
    ],
)
def test_caller_comes_back(caller):
    metadata = (("user-agent", "grpc"), *caller.to_metadata())
    assert caller_of(metadata) == caller


def test_holder_comes_back():
    holder = Holder("host/1/x", 12.5)
    assert holder_of((("other", "1"), *holder.to_metadata())) == holder


def test_other_workers_are_unknown():
    assert caller_of((("user-agent", "grpc"),)) is None


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\x00",
        b"[]",
        b"{}",
        b"null",
        json.dumps({"worker": "a", "token": "b"}).encode(),
        json.dumps({"worker": 1, "token": "b", "seconds": 1}).encode(),
        json.dumps({"worker": "a", "token": "b", "seconds": 0}).encode(),
        b'{"worker": "a", "token": "b", "seconds": NaN}',
        b'{"worker": "a", "token": "b", "seconds": 1e999}',
        b'{"worker": "a", "token": "b", "seconds": 1, "evil": 2}',
    ],
)
def test_garbage_is_an_error(content):
    with pytest.raises(ValueError):
        caller_of(((KEY, content),))
