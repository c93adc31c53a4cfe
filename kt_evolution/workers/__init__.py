"""Who trains: this process, its worker processes, or the workers of a chief.

`EvolutionTuner(..., workers=4)` trains on four processes of this machine. The
search stays in the process that called `search`: the oracle, the journal, the
display and the callbacks of the search are there and nowhere else. A worker
process has a copy of the tuner, with a `TrialOracle` in place of the oracle.
It gets an `IssuedTrial`, trains it as the tuner would here, and sends the
trial back with its report. So a trial travels as it does to a worker of Keras
Tuner's chief, and it ends by the same call, `tuner.on_trial_end`.

- `dispatch` gives trials to the workers and takes what they report. It knows
  the workers by `interface.Workers` only: start, submit, events, terminate,
  close. Other kinds of workers implement the same five.
- `local` has the processes of this machine. `member` is what runs in one.
- `ray_workers` has the actors of a Ray cluster. `ray_member` is what runs in
  one. They share no files with the search: `trial_files` travel with a trial.
  `ray_cluster` connects to a cluster, and ends a search whose cluster is gone.
- `shipping` pickles the tuner and the arguments of `fit`, once. Large arrays
  are files that all workers map into their memory, see `mapped_arrays`, or
  objects in Ray's store.
- `resources` gives each process its share of the cores, and one GPU.

A worker whose process ends, by a signal, by `sys.exit` or after
`trial_timeout`, costs a try of its trial, as a crash does. The next trial that
its name gets starts a new process. There is nothing else to restore, since a
worker has no state that the search needs: its checkpoints and the kept state
of its training are in the folder of the trial.

A process pool of `concurrent.futures`, and that of `loky`, gives up all of its
tasks when one of its members dies, so that the death of one worker would end
the trainings of all. Therefore each worker is a process of `subprocess`, which
also gets its own environment before Keras is imported, and does not run the
user's script again. Its pipes are the whole connection: if the process of the
search dies, they close, and the worker ends.

With Keras Tuner's environment variables a search is a chief and its workers.
`running` decides who runs it. `host_chief` waits for the end, `host_servicer`
answers the calls of the host's protocol, and `leases` knows which workers are
alive. In a worker `heartbeat` renews its lease, and ends a training whose trial
was given away. `host_calls` is what a worker says of itself in each call.
`failed_chief` is how a chief that ends before it listens tells its workers.
"""
