"""Every option of every method changes something, or is refused: none is accepted and ignored."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dreambench.errors import DreambenchError
from dreambench.spec.registries import METHODS

pytestmark = pytest.mark.slow

#: A value for each option that differs from the tiny training's, and what must be set with it.
CHANGES = {
    "learning_rate": ["method.learning_rate=3e-3"],
    "steps": ["method.steps=2"],
    "batch_size": ["method.batch_size=3"],
    "train_text_encoder": ["method.train_text_encoder={flipped}"],
    "prior_preservation": ["method.prior_preservation={flipped}"],
    "prior_source": ["method.prior_preservation=true", "method.prior_source=base-model"],
    "prior_preservation_weight": ["method.prior_preservation_weight=0.3"],
    "class_images": ["method.class_images=3"],
    "class_sampler": ["method.class_sampler.steps=3"],
    "optimizer": ["method.optimizer=adamw8bit"],
    "adam_beta1": ["method.adam_beta1=0.5"],
    "adam_beta2": ["method.adam_beta2=0.5"],
    "adam_epsilon": ["method.adam_epsilon=1"],
    "weight_decay": ["method.weight_decay=50"],
    "max_grad_norm": ["method.max_grad_norm=1e-9"],
    "warmup_steps": ["method.warmup_steps=3"],
    "ema": ["method.ema=true"],
    "ema_decay": ["method.ema=true", "method.ema_decay=0.05"],
    "rank": ["method.rank=2"],
    "targets": ["method.targets=[to_k]"],
    "vectors": ["method.vectors=2"],
    "templates": ["method.templates=[the {{}}]"],
    "random_flip": ["method.random_flip=false"],
}
#: The package's own methods that train: other tests register theirs.
OWN = [
    name
    for name in METHODS.names()
    if METHODS.get(name).__module__.startswith("dreambench.") and METHODS.get(name).Options().trains()
]
OPTIONS = [
    (method, option)
    for method in OWN
    for option in METHODS.get(method).Options.model_fields
    if option != "name"
]
_TRAINED: dict[tuple[str, ...], Any] = {}


def _outcome(trainer: Any, method: str, *changes: str) -> tuple[torch.Tensor, ...]:
    """Return the losses and the trained weights, each as one vector."""
    key = (method, *changes)
    if key not in _TRAINED:
        done = trainer.train("method.steps=3", *changes, method=method)
        states = [v.state_dict() if hasattr(v, "state_dict") else {"": v} for v in done.trained.values()]
        weights = torch.cat([w.detach().float().flatten() for state in states for w in state.values()])
        rows = torch.tensor([[r.photo, r.prior, r.total] for r in done.losses]).nan_to_num(-1).flatten()
        _TRAINED[key] = (rows, weights)
    found: tuple[torch.Tensor, ...] = _TRAINED[key]
    return found


@pytest.mark.parametrize(("method", "option"), OPTIONS)
def test_an_option_changes_the_training_or_is_refused(trainer: Any, method: str, option: str) -> None:
    default = METHODS.get(method).Options(name=method).model_dump()[option]
    changes = [text.format(flipped=str(not default).lower()) for text in CHANGES[option]]
    try:
        changed = _outcome(trainer, method, *changes)
    except DreambenchError as error:
        refused = str(error)
    else:
        refused = ""
    if refused:
        assert option in refused
        return
    before = _outcome(trainer, method, *(changes[:-1] if len(changes) > 1 else []))
    same = all(a.shape == b.shape and torch.equal(a, b) for a, b in zip(before, changed, strict=True))
    assert not same, f"{option} is accepted and ignored"
