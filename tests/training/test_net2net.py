"""Layers of two builds find each other, and wider ones compute the same."""

import keras
import numpy as np
import pytest

from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.training.net2net import transfer
from kt_evolution.training.net2net.layer_matching import matched_layers
from kt_evolution.training.net2net.weight_slices import Slice
from kt_evolution.training.net2net.weight_slices import take
from tests.backends import inherited_weights

layers = keras.layers


@pytest.mark.parametrize("name", inherited_weights.SAME_FUNCTION)
def test_a_child_begins_with_what_its_parent_computes(name):
    inherited_weights.check(name)


@pytest.mark.parametrize("name", inherited_weights.NEAR)
def test_a_child_without_a_part_is_nearer_to_its_parent_than_a_new_one(name):
    inherited_weights.check_near(name)


def test_repeated_units_differ_by_noise_so_that_they_learn_other_things():
    make, of_parent, of_child, x = inherited_weights.SAME_FUNCTION["wider"]
    keras.utils.set_random_seed(0)
    parent, child = make(**of_parent), make(**of_child)
    transfer.transfer_weights(child, parent, np.random.default_rng(0))
    kernel = child.layers[0].get_weights()[0]
    assert len(np.unique(kernel, axis=1).T) == 10
    far = inherited_weights.differences(
        make, of_parent, of_child, x, transfer.NOISE
    )
    assert 0.0 < far[0] < far[1] / 2


def test_the_same_seed_gives_the_same_weights():
    make, of_parent, of_child, _ = inherited_weights.SAME_FUNCTION["wider"]
    found = []
    for seed in (0, 0, 1):
        keras.utils.set_random_seed(0)
        parent, child = make(**of_parent), make(**of_child)
        transfer.transfer_weights(child, parent, np.random.default_rng(seed))
        found.append(child.get_weights()[0])
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


# Roles.


def stack(*parts):
    return keras.Sequential([keras.Input((4,)), *parts])


def roles(child, parent):
    """Returns the pairs of names, without the models themselves."""
    return {
        one.name: other.name for one, other in matched_layers(child, parent)[1:]
    }


def test_names_of_users_count_before_the_order():
    child = stack(layers.Dense(3, name="b"), layers.Dense(3, name="a"))
    parent = stack(layers.Dense(3, name="a"), layers.Dense(3, name="b"))
    found = roles(child, parent)
    assert (found["a"], found["b"]) == ("a", "b")


def test_a_name_that_the_parent_lacks_has_no_partner():
    child = stack(layers.Dense(3, name="a"), layers.Dense(3, name="c"))
    parent = stack(layers.Dense(3, name="a"), layers.Dense(3, name="b"))
    assert "c" not in roles(child, parent)


def test_layers_of_one_name_and_another_class_have_no_partner():
    child = keras.Sequential([keras.Input((4, 2)), layers.GRU(3, name="a")])
    parent = keras.Sequential([keras.Input((4, 2)), layers.LSTM(3, name="a")])
    assert "a" not in roles(child, parent)


def test_names_of_keras_are_matched_by_their_order():
    keras.utils.clear_session()
    parent = stack(layers.Dense(3), layers.ReLU(), layers.Dense(5))
    child = stack(layers.Dense(3), layers.ReLU(), layers.Dense(5))
    found = roles(child, parent)
    assert found == {
        one.name: other.name
        for one, other in zip(
            private_api.layers_inside(child),
            private_api.layers_inside(parent),
            strict=True,
        )
    }
    assert "dense_2" in found


@pytest.mark.parametrize("depths", [(2, 4), (4, 2), (1, 3)])
def test_the_last_layer_keeps_its_role_if_the_depth_differs(depths):
    models = [
        stack(*(layers.Dense(8) for _ in range(depth)), layers.Dense(2))
        for depth in depths
    ]
    found = roles(*models)
    first, last = [
        [model.layers[place].name for model in models] for place in (0, -1)
    ]
    assert found[first[0]] == first[1]
    assert found[last[0]] == last[1]


def test_a_class_that_the_build_function_defines_is_the_same_class():
    def build():
        class Scale(layers.Layer):
            def build(self, shape):
                self.factor = self.add_weight(shape=(shape[-1],))

            def call(self, x):
                return x * self.factor

        return stack(Scale(), layers.Dense(2))

    child, parent = build(), build()
    share = transfer.transfer_weights(child, parent, np.random.default_rng(0))
    assert share == 1.0
    for one, other in zip(child.weights, parent.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_new_weights_of_a_matched_layer_stay_fresh():
    child = stack(layers.Dense(3, use_bias=True, bias_initializer="ones"))
    parent = stack(layers.Dense(3, use_bias=False))
    share = transfer.transfer_weights(child, parent, np.random.default_rng(0))
    assert share == 12 / 15
    kernel, bias = child.get_weights()
    np.testing.assert_array_equal(kernel, parent.get_weights()[0])
    np.testing.assert_array_equal(bias, np.ones(3))


def test_a_model_that_shares_nothing_stays_as_it_is():
    child = keras.Sequential([keras.Input((4, 2)), layers.GRU(3)])
    parent = stack(layers.Dense(3))
    before = child.get_weights()
    rng = np.random.default_rng(0)
    assert transfer.transfer_weights(child, parent, rng) == 0.0
    for one, other in zip(before, child.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


# Slices.


def test_sources_of_slices():
    assert Slice.overlapping(4, 2).source.tolist() == [0, 1, -1, -1]
    assert Slice.overlapping(2, 4).source.tolist() == [0, 1]
    assert Slice.centered(5, 3).source.tolist() == [-1, 0, 1, 2, -1]
    assert Slice.centered(3, 5).source.tolist() == [1, 2, 3]
    assert Slice.centered(2, 3).source.tolist() == [1, 2]
    assert Slice.centered(4, 3).source.tolist() == [0, 1, 2, -1]


def test_what_takes_a_repeated_unit_shares_its_weight():
    one = Slice.of(np.array([0, 1, 0, 0, -1, -1]))
    assert one.shared.scale.tolist() == [1 / 3, 1, 1 / 3, 1 / 3, 1, 1]
    assert one.copies.tolist() == [False, False, True, True, False, False]


def test_entries_without_a_source_stay_fresh():
    fresh = np.full((3, 2), 7.0)
    other = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    slices = [Slice.overlapping(3, 2), Slice.of(np.array([2, 0]))]
    whole, num_taken = take(fresh, other, slices)
    assert whole.tolist() == [[3.0, 1.0], [6.0, 4.0], [7.0, 7.0]]
    assert num_taken == 4
    whole, num_taken = take(fresh, other, slices, zeroed=[0])
    assert whole.tolist() == [[3.0, 1.0], [6.0, 4.0], [0.0, 0.0]]
    assert num_taken == 4
