"""Workers that are actors of Ray, on any nodes of a cluster."""

import contextlib
import dataclasses
import io
import pickle
import time
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import cast

import cloudpickle
import keras
import numpy as np
from keras_tuner.engine.trial import Trial

import kt_evolution
from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.checks import is_number
from kt_evolution.optional import import_module
from kt_evolution.workers import ray_cluster
from kt_evolution.workers import resources as variables
from kt_evolution.workers import shipping
from kt_evolution.workers.interface import Event
from kt_evolution.workers.interface import SearchFailed
from kt_evolution.workers.interface import Task
from kt_evolution.workers.interface import TrialReported
from kt_evolution.workers.interface import WorkerDied
from kt_evolution.workers.interface import WorkerJoined
from kt_evolution.workers.interface import Workers
from kt_evolution.workers.ray_member import Message
from kt_evolution.workers.ray_member import RayMember
from kt_evolution.workers.ray_member import SharedSearch
from kt_evolution.workers.trial_files import Content
from kt_evolution.workers.trial_files import read_files
from kt_evolution.workers.trial_files import write_files

# Seconds that an actor waits for news before it answers that there are none.
POLL = 60.0
# Seconds after which it is said that actors wait for resources.
PATIENCE = 15.0
# Seconds between two looks at a dead actor while the head does not answer.
SILENCE = 0.5
# Seconds that actors have to send what they keep when the search ends.
GRACE = 10.0
# How many actors may die in a row before one of them has begun to work.
MAX_DEATHS = 3


class RayWorkers(Workers):
    """Trains the trials of an `EvolutionTuner` on a Ray cluster.

    Each worker is an actor, which lives for the whole search. The search
    stays in the process that calls `search`. Data, trials and weights travel
    through Ray's object store, so the nodes need no shared file system.

    Example:

    ```python
    tuner = kt_evolution.EvolutionTuner(
        build_model,
        objective="val_accuracy",
        max_trials=100,
        workers=kt_evolution.RayWorkers(8, resources={"GPU": 1}),
    )
    ```

    A process that has called `ray.init` keeps that connection. Otherwise the
    search connects to the cluster, and stays connected when it has ended.

    Args:
        num_workers: Int, how many trials are trained at the same time at
            most. Workers for which the cluster has no resources yet join the
            search once there are some.
        resources: Dict of names to numbers, what each worker takes of its
            node: "CPU", "GPU", "memory" in bytes, or the cluster's own.
            Defaults to one "CPU", also where others are given.
        address: String, the address of the cluster; "auto" for the one that
            this machine is a node of. None starts Ray on this machine.
            Defaults to "auto".

    Raises:
        ImportError: If Ray is not installed.
        ValueError: If an argument is wrong, or, when the search begins, if
            there is no such cluster.
    """

    def __init__(
        self,
        num_workers: int,
        resources: Mapping[str, float] | None = None,
        address: str | None = "auto",
    ) -> None:
        self._ray = import_module("ray", "ray")
        check_count("num_workers", num_workers)
        self._slots = tuple(f"worker{number}" for number in range(num_workers))
        self._resources = {"CPU": 1.0, **_checked(resources)}
        self._address = address
        self._project = Path()
        # The part of a search that all actors share, in the object store.
        self._search: Any = None
        self._members: dict[str, _Member] = {}
        # What no actor can be sent yet.
        self._waiting: dict[str, Task] = {}
        self._num_deaths = 0
        self._notice_at: float | None = None
        self._watch: ray_cluster.ClusterWatch | None = None
        variables.leave_gpus_to_workers()

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Tuple of strings, the workers that have their resources.

        Those that died with a trial are among them until another actor trains
        it. If there are none yet, it is one whose first trial waits for them.
        """
        usable = [
            slot
            for slot, one in self._members.items()
            if one.has_joined or one.is_due
        ]
        return tuple(usable) or self._slots[:1]

    def start(
        self, tuner: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        file, arrays = io.BytesIO(), []

        def put(number: int, array: np.ndarray) -> None:
            # Others are copied by each actor.
            arrays.append(np.ascontiguousarray(array))

        shipping.dump(file, tuner, args, kwargs, put)
        prints = ray_cluster.connect(self._ray, self._address)
        self._watch = ray_cluster.ClusterWatch(self._ray)
        self._project = Path(tuner.project_dir)
        folder = str(self._project.absolute())
        shared = SharedSearch(file.getvalue(), arrays, folder, prints)
        self._search = self._ray.put(shared)
        self._waiting, self._num_deaths = {}, 0
        self._notice_at = time.monotonic() + PATIENCE
        self._members = {slot: self._new_member() for slot in self._slots}

    def _new_member(self) -> "_Member":
        special = dict(self._resources)
        options: dict[str, Any] = {
            "num_cpus": special.pop("CPU"),
            "num_gpus": special.pop("GPU", 0),
            "resources": special,
        }
        if "memory" in special:
            options["memory"] = special.pop("memory")
        # A dead actor may have left its trial in any state.
        actor_class = self._ray.remote(
            max_restarts=0, max_task_retries=0, max_concurrency=3, **options
        )(RayMember)
        environment = {
            "KERAS_BACKEND": keras.backend.backend(),
            "TF_CPP_MIN_LOG_LEVEL": "2",
            # Ray sets it for OpenMP.
            "TF_NUM_INTRAOP_THREADS": str(max(int(options["num_cpus"]), 1)),
            **variables.MEMORY_GROWTH,
        }
        actor = actor_class.remote(
            kt_evolution.__version__, environment, self._search
        )
        # It answers at once, as soon as the actor is there.
        return _Member(actor, actor.poll.remote(0.0))

    # Trials.

    def submit(self, worker: str, task: Task) -> None:
        if self._members[worker].has_joined:
            self._send(worker, task)
        else:
            self._waiting[worker] = task

    def _send(self, worker: str, task: Task) -> None:
        member, trial_id = self._members[worker], task.trial.trial_id
        content = {
            parent.trial_id: read_files(self._folder_of(parent), is_result=True)
            for parent in task.parents
        }
        content[trial_id] = read_files(self._folder_of(task.trial))
        member.trial = task.trial
        member.actor.submit.remote(cloudpickle.dumps(task), content)

    def _folder_of(self, trial: Trial) -> Path:
        return self._project / f"trial_{trial.trial_id}"

    def events(self, timeout: float) -> Sequence[Event]:
        watch = cast(ray_cluster.ClusterWatch, self._watch)
        if watch.is_due:
            watch.look()
        self._say_what_waits()
        self._send_what_waits()
        polls = {one.poll: slot for slot, one in self._members.items()}
        answered, _ = self._ray.wait(list(polls), timeout=timeout)
        return [event for poll in answered for event in self._take(polls[poll])]

    def _take(self, slot: str) -> list[Event]:
        """Returns what an actor has answered, or that it died."""
        member = self._members[slot]
        try:
            messages = self._ray.get(member.poll)
        except self._ray.exceptions.RayError as error:
            # An actor dies with its cluster, which costs no try of its trial.
            watch = cast(ray_cluster.ClusterWatch, self._watch)
            watch.look()
            if watch.is_silent:
                # It is looked at again when it is known what has died.
                time.sleep(SILENCE)
                return []
            return self._bury(slot, _reason_of(error), error)
        member.poll = member.actor.poll.remote(POLL)
        events = [] if member.has_joined else self._welcome(slot)
        for message in messages:
            event = self._event_of(slot, message)
            if isinstance(event, WorkerDied):
                return [*events, *self._bury(slot, event.reason)]
            events.append(event)
        return events

    def _event_of(self, slot: str, message: Message) -> Event:
        content, its_files = message
        event: Event = pickle.loads(content)
        member = self._members[slot]
        if isinstance(event, TrialReported) and member.trial is not None:
            write_files(self._folder_of(member.trial), its_files)
            member.trial = None
        # An actor does not know its name.
        return dataclasses.replace(event, worker=slot)

    def _welcome(self, slot: str) -> list[Event]:
        """Takes an actor in that has its resources now."""
        self._num_deaths = 0
        self._members[slot].has_joined = True
        # What waits comes before a new trial.
        return [] if self._waiting else [WorkerJoined(slot)]

    def _send_what_waits(self) -> None:
        """Lets idle actors train the trials of workers that have none."""
        members = self._members
        for slot, one in list(members.items()):
            if self._waiting and one.has_joined and one.trial is None:
                worker, task = self._waiting.popitem()
                members[worker].is_due = False
                members[worker], members[slot] = one, members[worker]
                self._send(worker, task)

    def _bury(
        self, slot: str, reason: str, error: BaseException | None = None
    ) -> list[Event]:
        """Puts a new actor in the place of a dead one."""
        member = self._members[slot]
        with contextlib.suppress(Exception):
            self._ray.kill(member.actor)
        if not member.has_joined:
            self._num_deaths += 1
            is_creation = "creation task" in str(error)
            if is_creation or self._num_deaths >= MAX_DEATHS:
                text = f"No worker could begin on the cluster. {reason}"
                return [SearchFailed(slot, RuntimeError(text), reason)]
        self._members[slot] = self._new_member()
        self._members[slot].is_due = member.trial is not None
        return [] if member.trial is None else [WorkerDied(slot, reason)]

    def terminate(self, worker: str) -> None:
        self._ray.kill(self._members[worker].actor)

    def close(self, at_once: bool) -> None:
        members, self._members = list(self._members.values()), {}
        if self._watch is not None and self._watch.is_lost:
            # Ray would end this process, also when it frees objects.
            self._ray.shutdown()
            members = []
        self._waiting, self._search, self._watch = {}, None, None
        try:
            joined = [one for one in members if one.has_joined]
            stops = {one.actor.stop.remote(): one for one in joined}
            stopped, _ = (
                self._ray.wait(
                    list(stops), num_returns=len(stops), timeout=GRACE
                )
                if stops
                else ([], [])
            )
            for stop in stopped:
                self._keep(stops[stop], stop)
        finally:
            for member in members:
                with contextlib.suppress(Exception):
                    self._ray.kill(member.actor)

    def _keep(self, member: "_Member", stop: Any) -> None:
        """Keeps the state of a training that is interrupted."""
        with contextlib.suppress(self._ray.exceptions.RayError, OSError):
            content: Content = self._ray.get(stop)
            if member.trial is not None and content:
                write_files(self._folder_of(member.trial), content)

    def _say_what_waits(self) -> None:
        """Says once how many workers have no resources yet."""
        if self._notice_at is None or time.monotonic() < self._notice_at:
            return
        self._notice_at = None
        number = sum(not one.has_joined for one in self._members.values())
        if number:
            needed = ", ".join(f"{k} {v:g}" for k, v in self._resources.items())
            print(
                f"{number} of {len(self._slots)} workers wait for resources of "
                f"the Ray cluster: each takes {needed}. They join the search "
                "when there are some."
            )


@dataclasses.dataclass(eq=False)
class _Member:
    """An actor as the search knows it.

    Args:
        actor: The handle of the `RayMember`.
        poll: The reference of its next answer.
        has_joined: Bool, whether it has its resources and has begun to work.
        trial: The `Trial` that it trains, or None.
        is_due: Bool, whether the one before it died with a trial, for which
            no other actor was found yet.
    """

    actor: Any
    poll: Any
    has_joined: bool = False
    trial: Trial | None = None
    is_due: bool = False


def _reason_of(error: BaseException) -> str:
    """Returns how an actor died, as its trial's message."""
    # The last line is the reason that is shown of a failed trial.
    return f"{error}\nWorkerError: its Ray actor died"


def _checked(resources: Any) -> dict[str, float]:
    """Returns the user's argument `resources`, checked."""
    if resources is None:
        return {}
    if not isinstance(resources, Mapping) or not all(
        isinstance(name, str) and is_number(value) and value >= 0
        for name, value in resources.items()
    ):
        raise ValueError(
            "`resources` must be a dict of names to numbers of at least 0, "
            'such as {"CPU": 2, "GPU": 1}. '
            f"Received: resources={resources!r}"
        )
    return dict(resources)
