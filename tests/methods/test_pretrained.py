"""The floor: nothing is trained, and the prompt contains the class noun only."""

from __future__ import annotations

from dreambench.methods.method import SubjectPhrase, subject_phrase
from dreambench.spec.registries import METHODS


def test_the_base_model_draws_as_it_is(trainer):
    done = trainer.train(method="pretrained")
    assert not done.trained
    assert trainer.image(done.pipeline) == trainer.image(trainer.base.pipeline())


def test_prompts_contain_the_class_noun_only(trainer):
    assert subject_phrase(METHODS.get("pretrained")(), trainer.subject, "sks") == SubjectPhrase(None, "dog")
    assert subject_phrase(METHODS.get("dreambooth")(), trainer.subject, "sks") == SubjectPhrase("sks", "dog")


def test_a_run_of_it_has_no_training(trainer):
    assert not trainer.spec(method="pretrained").method.trains()
