"""Ready spaces: arguments, genes, groups, and searches in them."""

import json

import keras
import keras_tuner as kt
import numpy as np
import pytest

import kt_evolution
from kt_evolution import nas
from kt_evolution.algorithm.operators.mutation import UniformMutation
from kt_evolution.nas.architecture import build_architecture
from kt_evolution.nas.spaces.arguments import GROUPS
from kt_evolution.proposals.dry_build import DryBuild
from tests.nas.nas_helpers import LABELS
from tests.nas.nas_helpers import SPACES
from tests.nas.nas_helpers import declared
from tests.nas.nas_helpers import new_space
from tests.nas.nas_helpers import search_space
from tests.nas.nas_helpers import with_values


def architecture(space, values):
    """Returns all that a model is, and how it is trained."""
    keras.backend.clear_session()
    hp = with_values(values)
    model = space.build(hp)
    compiled = model.get_compile_config()
    return json.dumps(
        [model.get_config(), compiled, space.label_smoothing(hp)],
        default=str,
        sort_keys=True,
    )


@pytest.mark.parametrize("name", SPACES)
def test_a_mutation_of_an_expressed_gene_is_another_architecture(name):
    space, _ = new_space(name)
    genes = search_space(declared(space))
    rng = np.random.default_rng(0)
    parents = genes.canonicalize(rng.random((3, genes.num_genes)))
    for parent in parents:
        hp = with_values(genes.decode(parent))
        found = DryBuild(space)(declared(space), hp.values)
        keys = set(found.requested)
        expressed = np.array([gene.key in keys for gene in genes.genes])
        child = UniformMutation(stop_probability=1.0)(
            parent[None], expressed[None], genes, rng
        )[0]
        before, after = genes.decode(parent), genes.decode(child)
        assert architecture(space, before) != architecture(space, after)


class Counting(kt_evolution.EvolutionTuner):
    """Scores models by their size, and keeps what it would have trained."""

    def __init__(self, *args, **kwargs):
        self.trained = []
        super().__init__(*args, **kwargs)

    def run_trial(self, trial):
        hp = trial.hyperparameters
        self.trained.append(architecture(self.hypermodel, hp.values))
        return {"score": float(num_params_of(self.hypermodel, hp))}


def num_params_of(space, hp):
    return build_architecture(hp, space).params


def search(name, max_trials, directory):
    tuner = Counting(
        new_space(name)[0],
        objective=kt.Objective("score", "max"),
        max_trials=max_trials,
        seed=0,
        directory=directory,
    )
    tuner.search()
    return tuner


@pytest.mark.parametrize(
    ("size", "values", "stages"),
    [
        (32, {}, [16, 8, 4]),
        (28, {"stem_strides": 1}, [28, 14, 7]),
        (17, {}, [9, 5, 3]),
        # These have no such hyperparameter.
        (16, {"stem_strides": 2}, [16, 8, 4]),
        (65, {"stem_strides": 1}, [33, 17, 9, 5]),
    ],
)
def test_a_stem_halves_images_unless_they_are_small(size, values, stages):
    for name in ("HyperConvNet", "HyperMobileNet"):
        space = getattr(nas, name)((size, size, 3), num_classes=2, width=4)
        hp = with_values(values)
        blocks = build_architecture(hp, space).blocks
        sizes = [b.shape[0] for b in blocks if b.path.endswith("/block_1")]
        assert sizes == stages
        assert ("stem_strides" in declared(space).values) == (16 < size <= 64)
    space = nas.HyperConvNet(
        (32, 32, 3), num_classes=2, searched_groups="training"
    )
    assert "stem_strides" not in declared(space).values


@pytest.mark.slow
@pytest.mark.parametrize("name", SPACES)
def test_nothing_is_trained_twice(name, tmp_path):
    tuner = search(name, 60, tmp_path)
    assert len(tuner.trained) == 60
    assert len(set(tuner.trained)) == 60


def test_a_short_search_trains_nothing_twice(tmp_path):
    tuner = search("HyperTabularNet", 10, tmp_path)
    assert len(set(tuner.trained)) == 10


@pytest.mark.parametrize("name", SPACES)
def test_groups_that_are_not_searched_have_no_genes(name):
    (space, _), (none, _) = new_space(name), new_space(name, searched_groups=())
    assert declared(none).space == []
    # The defaults do not depend on the searched groups.
    assert architecture(none, {}) == architecture(space, {})
    every = {gene.name for gene in declared(space).space}
    parts = [
        {
            gene.name
            for gene in declared(
                new_space(name, searched_groups=group)[0]
            ).space
        }
        for group in GROUPS
    ]
    assert all(parts)
    assert set.union(*parts) <= every


CONV = {"input_shape": (8, 8, 1)}


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        ("HyperConvNet", {"input_shape": (8, 8)}, r"`input_shape`.*\(8, 8\)"),
        ("HyperConvNet", {"input_shape": (None, 8, 1)}, "`input_shape`"),
        ("HyperTextNet", {"input_shape": (8, 2)}, r"`input_shape`.*\(8, 2\)"),
        ("HyperTabularNet", {"input_shape": 4}, "`input_shape`.*tuple.*=4"),
        ("HyperSeriesNet", {"input_shape": (8,)}, r"`input_shape`.*\(8,\)"),
        ("HyperConvNet", {"max_depth": 0}, "`max_depth`.*max_depth=0"),
        ("HyperConvNet", {"width": 0}, "`width`.*width=0"),
        ("HyperConvNet", {"task": "ranking"}, "`task`.*'ranking'"),
        (
            "HyperConvNet",
            {"searched_groups": "color"},
            "`searched_groups`.*'color'",
        ),
        ("HyperConvNet", {"num_classes": 1}, "`num_classes`.*num_classes=1"),
        ("HyperConvNet", {"num_classes": None}, "`num_classes`.*None"),
        ("HyperConvNet", {"num_outputs": 2}, "`num_outputs`.*num_outputs=2"),
        ("HyperConvNet", {"task": "regression"}, "`num_classes`.*=3"),
        (
            "HyperConvNet",
            {"searched_groups": None},
            "`searched_groups`.*searched_groups=None",
        ),
        ("HyperConvNet", {"total_steps": 0}, "`total_steps`.*total_steps=0"),
        ("HyperTextNet", {"vocabulary_size": None}, "`vocabulary_size`"),
        ("HyperTextNet", {"vectorizer": "words"}, "`vectorizer`.*'words'"),
        ("HyperTabularNet", {"categorical": {7: 2}}, "`categorical`.*7"),
        ("HyperTabularNet", {"categorical": {1.0: 2}}, "`categorical`.*1.0"),
    ],
)
def test_wrong_arguments_are_named(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        new_space(make, **arguments)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((3, 2)), "`x`.*columns"),
        ([["a"] * 4], "`x`.*'a'"),
        (np.zeros((0, 4)), r"`x`.*\(0, 4\)"),
        ([[0, np.inf, 0, 0]], "`x`.*column 1"),
        ([[0, 0, 5, 0]], "`x`.*column 2.*5"),
    ],
)
def test_tables_that_do_not_fit_are_named(data, message):
    space, _ = new_space("HyperTabularNet")
    with pytest.raises(ValueError, match=message):
        space.adapt(data)


def test_labels_that_do_not_fit_are_named_before_the_search():
    space, x = new_space("HyperConvNet")
    space.adapt(x, LABELS)
    with pytest.raises(ValueError, match="`y` must be labels below.*=3"):
        space.adapt(x, LABELS + 1)
    with pytest.raises(ValueError, match="`y`.*8 samples, 5 labels"):
        space.adapt(x, LABELS[:5])


@pytest.mark.parametrize("name", SPACES)
def test_numbers_may_be_those_of_numpy(name):
    space, _ = new_space(name, num_classes=np.int64(3), width=np.int64(4))
    assert space.build(with_values({})).output_shape == (None, 3)
    outputs = {"num_classes": None, "task": "regression"}
    space, _ = new_space(name, num_outputs=np.int64(2), **outputs)
    assert space.build(with_values({})).output_shape == (None, 2)


def test_categories_may_be_counted_by_numpy():
    space, _ = new_space("HyperTabularNet", categorical={2: np.int64(5)})
    sizes = declared(space).values["columns/embedding"]
    assert type(sizes) is int


def test_arguments_of_the_wrong_type_are_named():
    with pytest.raises(TypeError, match=r"`categorical` must be a dict.*\[2\]"):
        new_space("HyperTabularNet", categorical=[2])
    space, x = new_space("HyperTabularNet", num_classes=None, task="regression")
    with pytest.raises(ValueError, match="`y` must be finite.*: nan in row"):
        space.adapt(x, [1.0, np.nan])
    with pytest.raises(TypeError, match="`hp` must be.*dict"):
        nas.describe({"body/units": 64}, space)


@pytest.mark.parametrize("length", [1, 2, 4, 9, 20, 100])
def test_no_kernel_is_longer_than_the_series(length):
    space = nas.HyperSeriesNet((length, 2), num_classes=2)
    sizes = {
        hp.name: hp.values if hasattr(hp, "values") else [hp.value]
        for hp in declared(space).space
        if hp.name.endswith("kernel_size")
    }
    for name, allowed in sizes.items():
        stage = int(name.split("/")[0].removeprefix("stage_"))
        assert max(allowed) <= -(-length // 2 ** (stage - 1)), name
    default = build_architecture(kt.HyperParameters(), space)
    kernel = 5 if length >= 5 else 3 if length >= 3 else length
    (first, *_) = [b for b in default.blocks if b.path.startswith("stage_1")]
    assert f"conv {kernel}," in first.text


@pytest.mark.parametrize("name", SPACES)
def test_channels_must_come_last(name):
    space, _ = new_space(name)
    keras.config.set_image_data_format("channels_first")
    try:
        if name == "HyperTabularNet":
            space.build(with_values({}))
            return
        with pytest.raises(kt.errors.FatalValueError, match="'channels_first'"):
            space.build(with_values({}))
    finally:
        keras.config.set_image_data_format("channels_last")
