"""The floor: nothing is trained, and the prompt holds the class noun alone."""

from __future__ import annotations

from dreambench.methods.method import SubjectPhrase, subject_phrase
from dreambench.spec.registries import method_class


def test_the_base_model_draws_as_it_is(bench):
    done = bench.train(method="pretrained")
    assert not done.trained
    assert bench.image(done.pipeline) == bench.image(bench.base.pipeline())


def test_prompts_hold_the_class_noun_alone(bench):
    assert subject_phrase(method_class("pretrained")(), bench.subject, "sks") == SubjectPhrase(None, "dog")
    assert subject_phrase(method_class("dreambooth")(), bench.subject, "sks") == SubjectPhrase("sks", "dog")


def test_a_run_of_it_costs_no_training(bench):
    assert not bench.spec(method="pretrained").method.trains()
