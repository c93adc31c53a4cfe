"""Leases with a clock that is set by hand."""

import pytest

from kt_evolution.workers.leases import Leases
from kt_evolution.workers.leases import WorkerInUseError


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def leases(clock):
    return Leases(clock)


def names(leases):
    return [lease.worker for lease in leases.alive()]


def ended(leases):
    return [lease.worker for lease in leases.take_ended()]


def test_worker_is_new_once(leases, clock):
    assert leases.renew("a", "process 1", 30)
    assert not leases.renew("a", "process 1", 30)
    assert leases.renew("b", "process 2", 30)
    assert names(leases) == ["a", "b"]
    clock.now += 29
    assert not leases.renew("b", "process 2", 30)
    clock.now += 1
    # After 30 seconds, and not before.
    assert ended(leases) == ["a"]
    assert names(leases) == ["b"]
    # The lease of b began when it called last.
    clock.now += 28.9
    assert ended(leases) == []
    clock.now += 0.1
    assert ended(leases) == ["b"]
    assert ended(leases) == names(leases) == []


def test_worker_whose_lease_ran_out_is_new_again(leases, clock):
    leases.renew("a", "process 1", 10)
    clock.now += 10
    assert leases.is_alive("a")
    assert leases.renew("a", "process 1", 10)
    assert ended(leases) == []
    assert leases.is_alive("a")


def test_lease_lasts_as_long_as_the_worker_says(leases, clock):
    leases.renew("a", "process 1", 10)
    leases.renew("a", "process 1", 50)
    clock.now += 49
    assert ended(leases) == []
    # A call that does not say who calls is one of the same worker.
    assert not leases.renew("a", None, 1000)
    clock.now += 50
    assert ended(leases) == ["a"]


def test_another_process_gets_no_lease_before_the_first_is_dead(leases, clock):
    leases.renew("a", "process 1", 10)
    clock.now += 4
    with pytest.raises(WorkerInUseError) as info:
        leases.renew("a", "process 2", 10)
    assert (info.value.token, info.value.seconds) == ("process 1", 6)
    # It did not prolong the lease.
    clock.now += 6
    assert leases.renew("a", "process 2", 10)
    with pytest.raises(WorkerInUseError):
        leases.renew("a", "process 1", 10)


def test_process_that_has_ended_is_replaced_at_once(leases):
    leases.renew("a", "process 1", 10)
    with pytest.raises(WorkerInUseError):
        leases.renew("a", "process 3", 10, replaces="process 2")
    assert leases.renew("a", "process 3", 10, replaces="process 1")
    assert not leases.renew("a", "process 3", 10)


def test_worker_of_a_former_chief_takes_its_lease(leases, clock):
    leases.renew("a", None, 30)
    clock.now += 20
    assert leases.renew("a", "process 1", 30)
    clock.now += 20
    assert ended(leases) == []


def test_only_the_process_with_the_lease_ends_it(leases):
    leases.renew("a", "process 1", 10)
    assert not leases.end("a", "process 2")
    assert leases.is_alive("a")
    assert leases.end("a", "process 1")
    assert not leases.end("a", "process 1")
    leases.renew("a", "process 1", 10)
    assert leases.end("a")
    assert names(leases) == []
