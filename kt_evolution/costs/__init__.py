"""What a model costs: its size, operations, latency and training time."""

from kt_evolution.costs.flops import count_flops
from kt_evolution.costs.measurement import count_params
from kt_evolution.costs.measurement import count_trainable_params
from kt_evolution.costs.measurement import measure_latency

__all__ = [
    "count_flops",
    "count_params",
    "count_trainable_params",
    "measure_latency",
]
