"""What a model costs, and what of it goes with its accuracy."""

from kt_evolution.costs.activation_codes import naswot
from kt_evolution.costs.flops import count_flops
from kt_evolution.costs.measurement import count_params
from kt_evolution.costs.measurement import count_trainable_params
from kt_evolution.costs.measurement import measure_latency
from kt_evolution.costs.synaptic_flow import synflow

__all__ = [
    "count_flops",
    "count_params",
    "count_trainable_params",
    "measure_latency",
    "naswot",
    "synflow",
]
