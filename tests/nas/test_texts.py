"""The two families of text networks: n-grams and sequences."""

import keras
import keras_tuner as kt
import numpy as np
import pytest

import kt_evolution
from kt_evolution import nas
from kt_evolution.nas.spaces import ngrams
from kt_evolution.nas.spaces.ngrams import count_words
from kt_evolution.nas.spaces.ngrams import learn_ngrams
from tests.nas.nas_helpers import assert_models_are_freed
from tests.nas.nas_helpers import declared
from tests.nas.nas_helpers import predictions
from tests.nas.nas_helpers import with_values

needs_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="TextVectorization in a model is TensorFlow's",
)
TEXTS = ["a good film", "a bad film", "a good one", "a bad one", "a", ""] * 2
LABELS = np.array([1, 0, 1, 0, 1, 0] * 2)


def as_tensor(texts):
    return keras.ops.convert_to_tensor(np.array(texts))


class EagerTextNet(nas.HyperTextNet):
    """A space whose models are not traced, which takes longer than a step."""

    def compile(self, hp, model):
        super().compile(hp, model)
        model.run_eagerly = True


def vectorizer_of(texts, **arguments):
    vectorizer = keras.layers.TextVectorization(**arguments)
    vectorizer.adapt(texts)
    return vectorizer


def adapted(texts, labels, split="whitespace", **arguments):
    vectorizer = vectorizer_of(texts, split=split, output_sequence_length=6)
    space = EagerTextNet(vectorizer=vectorizer, width=8, **arguments)
    space.adapt(texts, labels)
    return space


def rare_words(number, rng):
    """Returns texts of noise with one word in five that tells the class."""
    labels = rng.integers(0, 2, number)
    texts = [
        " ".join(
            rng.permutation(
                [
                    *(f"noise{i}" for i in rng.integers(0, 400, 8)),
                    *(f"{'bg'[label]}{i}" for i in rng.integers(0, 10, 2)),
                ]
            )
        )
        for label in labels
    ]
    return np.array(texts, dtype=object), labels


@needs_tensorflow
def test_the_default_model_learns_from_few_texts():
    rng = np.random.default_rng(0)
    train, held_out = rare_words(200, rng), rare_words(200, rng)
    space = adapted(*train, num_classes=2)
    keras.utils.set_random_seed(0)
    hp = kt.HyperParameters()
    model = space.build(hp)
    # It takes more steps than a trace does.
    model.run_eagerly = False
    history = space.fit(
        hp, model, *train, validation_data=held_out, epochs=6, verbose=0
    ).history
    # The sequence family is below .7 then.
    assert max(history["val_accuracy"]) > 0.9


@pytest.mark.parametrize(
    ("shape", "family"),
    [
        ((100, 6), "ngrams"),
        # 3,000 texts of two words are exactly at the limit.
        ((3000, 2), "sequence"),
        ((2990, 2), "ngrams"),
    ],
)
def test_few_texts_for_their_length_are_read_as_ngrams(shape, family):
    space = nas.HyperTextNet((None,), vocabulary_size=9, num_classes=2)
    assert declared(space).values["family"] == "sequence"
    space.adapt(np.pad(np.ones(shape, int), ((0, 0), (0, 3))))
    assert declared(space).values["family"] == family


@needs_tensorflow
def test_ngrams_that_tell_the_classes_apart_come_first():
    vectorizer = vectorizer_of(TEXTS)
    targets = np.eye(2)[LABELS]
    found = learn_ngrams(vectorizer, "words", np.array(TEXTS, object), targets)
    assert set(found.terms[:2]) == {"good", "bad"}
    assert set(found.terms[2:6]) >= {"a good", "a bad"}
    assert found.terms.index("good") < found.terms.index("a")
    # "film" is as frequent in both classes.
    assert set(found.terms[-2:]) == {"film", "one"}
    unlabeled = learn_ngrams(vectorizer, "words", np.array(TEXTS), None)
    assert unlabeled.terms[0] == "a"
    by_number = learn_ngrams(
        vectorizer, "words", np.array(TEXTS), LABELS[:, None] - 0.5
    )
    assert set(by_number.terms[:2]) == {"good", "bad"}
    documents = sum("good" in text for text in TEXTS)
    assert found.idf[found.terms.index("good")] == pytest.approx(
        np.log(1 + len(TEXTS) / (1 + documents))
    )


@needs_tensorflow
def test_ngrams_of_one_text_are_left_out():
    texts = np.array([*TEXTS, "only here"], dtype=object)
    found = learn_ngrams(vectorizer_of(texts), "words", texts, None)
    assert "good" in found.terms and "only" not in found.terms
    counts = count_words(vectorizer_of(TEXTS, split="character"), texts)
    assert counts[0] == len(TEXTS[0]) and counts[5] == 0


@needs_tensorflow
def test_ngrams_are_selected_from_some_of_many_texts(monkeypatch):
    monkeypatch.setattr(ngrams, "MAX_TEXTS", 3)
    texts = ["good film", "only", "bad film", "here", "bad film"]
    space = adapted(texts, [1, 0, 0, 1, 0], num_classes=2)
    hp = with_values({"ngrams/analyzer": "words"})
    # "film" and "bad" and "bad film", of the first, third and fifth text.
    assert "3 2-grams of words" in nas.describe(hp, space)


@needs_tensorflow
@pytest.mark.parametrize("weighting", ["tf_idf", "multi_hot"])
@pytest.mark.parametrize("top", ["dense", "linear"])
def test_models_of_ngrams_are_saved_and_reloaded(top, weighting, tmp_path):
    space = adapted(TEXTS, LABELS, num_classes=2)
    hp = with_values({"ngrams/weighting": weighting, "top/layer": top})
    model = space.build(hp)
    space.fit(hp, model, TEXTS, LABELS, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    x = np.array([*TEXTS, "unknown words"], dtype=object)
    expected = model.predict(x, verbose=0)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(again.predict(x, verbose=0), expected, atol=1e-6)


@needs_tensorflow
def test_ngrams_may_be_of_words_or_of_characters():
    space = adapted(TEXTS, LABELS, num_classes=2)
    entries = {each.name: each for each in declared(space).space}
    analyzers = entries["ngrams/analyzer"].values
    assert analyzers == ["both", "words", "characters"]
    space = adapted(TEXTS, LABELS, num_classes=2, split="character")
    assert "ngrams/analyzer" not in {
        each.name for each in declared(space).space
    }
    assert "3-grams of characters" in nas.describe(kt.HyperParameters(), space)
    long = [f"{text} " * 40 for text in TEXTS]
    space = adapted(long, LABELS, num_classes=2)
    assert declared(space).values["ngrams/analyzer"] == "words"


@needs_tensorflow
def test_a_regression_reads_ngrams():
    scores = 100.0 * LABELS
    space = adapted(TEXTS, scores, task="regression")
    hp = kt.HyperParameters()
    model = space.build(hp)
    space.fit(hp, model, TEXTS, scores, verbose=0)
    predicted = model.predict(np.array(TEXTS, dtype=object), verbose=0)
    assert np.abs(predicted - 50).max() < 60


@needs_tensorflow
def test_models_of_ngrams_do_not_stay_in_memory():
    space = adapted(TEXTS, LABELS, num_classes=2)
    assert_models_are_freed(space)


@needs_tensorflow
@pytest.mark.parametrize("texts", [[], ["", "!"], [["a", "b"], ["c"]], "a"])
def test_texts_that_can_not_be_read_are_named(texts):
    space = nas.HyperTextNet(vectorizer=vectorizer_of(TEXTS), num_classes=2)
    with pytest.raises(ValueError, match="`x` must"):
        space.adapt(texts)


class SequencesOnly(EagerTextNet):
    """The space as it was before it had n-grams."""

    def body(self, hp, inputs):
        return self._sequence(hp, inputs)


def tuner_of(space, max_trials, directory):
    return kt_evolution.EvolutionTuner(
        space,
        objective="val_accuracy",
        max_trials=max_trials,
        seed=0,
        directory=directory,
    )


def test_a_search_of_sequences_goes_on_with_ngrams(tmp_path):
    ids = np.random.default_rng(0).integers(1, 9, (12, 4))
    data = {"x": ids, "y": LABELS, "validation_data": (ids, LABELS)}
    small = {"vocabulary_size": 9, "num_classes": 2, "width": 4}
    first = tuner_of(SequencesOnly((4,), **small), 2, tmp_path)
    first.search(**data, epochs=1, verbose=0)
    again = tuner_of(EagerTextNet((4,), **small), 5, tmp_path)
    again.search(**data, epochs=1, verbose=0)
    trials = again.oracle.get_best_trials(5)
    assert len(trials) == 5
    families = [t.hyperparameters.values.get("family") for t in trials]
    assert "ngrams" in families
    for model in again.get_best_models(5):
        assert np.isfinite(predictions(model, ids)).all()


@needs_tensorflow
def test_best_models_of_strings_score_as_their_trials_did(tmp_path):
    space = adapted(TEXTS, LABELS, num_classes=2)
    x = np.array(TEXTS, dtype=object)
    tuner = tuner_of(space, 2, tmp_path)
    data = {"x": x, "y": LABELS, "validation_data": (x, LABELS)}
    tuner.search(**data, epochs=2, verbose=0)
    model = tuner.get_best_models()[0]
    predicted = model.predict(x, verbose=0).argmax(axis=-1)
    best = tuner.oracle.get_best_trials()[0]
    assert np.mean(predicted == LABELS) == pytest.approx(best.score)


@needs_tensorflow
@pytest.mark.parametrize("encoder", ["convolution", "recurrent", "transformer"])
@pytest.mark.parametrize("pooling", ["average", "max"])
def test_a_batch_of_empty_texts_is_predicted(encoder, pooling):
    vectorizer = keras.layers.TextVectorization()
    vectorizer.adapt(["good film", "bad film"])
    space = nas.HyperTextNet(vectorizer=vectorizer, num_classes=2, width=4)
    model = space.build(
        with_values({"encoder/layer": encoder, "pooling": pooling})
    )
    alone = predictions(model, as_tensor(["", ""]))
    assert np.isfinite(alone).all()
    both = predictions(model, as_tensor(["", "good film"]))
    np.testing.assert_allclose(both[0], alone[0], atol=1e-5)


@pytest.mark.parametrize("family", ["sequence", "ngrams"])
def test_a_batch_without_token_ids_is_predicted(family):
    space = nas.HyperTextNet((None,), vocabulary_size=9, num_classes=2, width=4)
    model = space.build(with_values({"family": family}))
    assert np.isfinite(predictions(model, np.zeros((2, 0), "int32"))).all()


@pytest.mark.parametrize("shape", [(3,), (5, 7), (5, 4, 1)])
def test_token_ids_of_another_shape_are_named(shape):
    space = nas.HyperTextNet((4,), vocabulary_size=9, num_classes=2)
    sizes = ", ".join(map(str, shape))
    with pytest.raises(ValueError, match=rf"`x`.*\(4,\).*\({sizes},?\)"):
        space.adapt(np.ones(shape, int))


@needs_tensorflow
def test_ragged_token_ids_are_refused():
    vectorizer = keras.layers.TextVectorization(ragged=True)
    vectorizer.adapt(TEXTS)
    with pytest.raises(ValueError, match="`vectorizer`.*ragged=True"):
        nas.HyperTextNet(vectorizer=vectorizer, num_classes=2)
