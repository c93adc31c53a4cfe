"""Figures of a search, drawn with plotly from its records.

Example:

```python
from kt_evolution.reporting import figures
from kt_evolution.reporting import read_search

search = read_search("results/mnist")
figures.family_tree(search, trial_id="17").show()
```

A function returns None where there is nothing to draw.
"""

from kt_evolution.reporting.figures.descent import family_tree
from kt_evolution.reporting.figures.descent import population
from kt_evolution.reporting.figures.landscape import value_contour
from kt_evolution.reporting.figures.landscape import value_slice
from kt_evolution.reporting.figures.progress import best_so_far
from kt_evolution.reporting.figures.progress import diversity
from kt_evolution.reporting.figures.progress import operator_credit
from kt_evolution.reporting.figures.rungs import rungs
from kt_evolution.reporting.figures.space import gene_importance
from kt_evolution.reporting.figures.space import parallel_coordinates
from kt_evolution.reporting.figures.trade_off import pareto_front
from kt_evolution.reporting.figures.training import learning_curves
from kt_evolution.reporting.figures.training import workers

__all__ = [
    "best_so_far",
    "diversity",
    "family_tree",
    "gene_importance",
    "learning_curves",
    "operator_credit",
    "parallel_coordinates",
    "pareto_front",
    "population",
    "rungs",
    "value_contour",
    "value_slice",
    "workers",
]
