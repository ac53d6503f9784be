"""The parts of training: schedule, streams of pictures, tokenizer, optimizer, latents, identity."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dreambench.methods.identifiers import draw_identifiers, rare_tokens
from miniature.train import tokenizer as trimmed
from miniature.train.data import STREAMS, render_shard, shard_scenes
from miniature.train.optimizer import Optimizer
from miniature.train.stage import learning_rate
from miniature.train.train_dino import instance_loss, same_class_auc
from miniature.train.train_vae import build_vae, fold_normalization
from miniature.world import CLASS_NOUNS, HELD_OUT_DISTANCE, caption, distance, held_out_subjects


def test_the_learning_rate_depends_on_the_step_alone() -> None:
    rates = [learning_rate(step, 1000) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01)
    assert rates[200] == rates[799] == 1.0
    assert rates[900] == pytest.approx(0.5)
    assert 0 < rates[-1] < 0.01


def test_streams_are_reproducible_apart_and_free_of_held_out_subjects() -> None:
    assert len(set(STREAMS.values())) == len(STREAMS)
    first, again = (render_shard("unet", 0, 3, 8) for _ in range(2))
    assert np.array_equal(first.images, again.images)
    assert first.captions.tolist() == again.captions.tolist()
    assert not np.array_equal(first.images, render_shard("text", 0, 3, 8).images)
    held_out = [subject.vector for subject in held_out_subjects().values()]
    for stream in STREAMS:
        for scene in shard_scenes(stream, 0, 0, 64)[0]:
            near = [distance(scene.vector, v) for v in held_out if v.noun == scene.vector.noun]
            assert min(near) >= HELD_OUT_DISTANCE


def test_views_of_one_subject_lie_together() -> None:
    scenes, _ = shard_scenes("dino", 0, 0, 32)
    vectors = [scene.vector for scene in scenes]
    assert all(vectors[i] is vectors[i - i % 4] for i in range(32))
    assert len({vector.noun for vector in vectors[:16]}) == 1


def test_the_tokenizer_keeps_rare_tokens_that_no_caption_uses() -> None:
    tokenizer = trimmed.tokenizer()
    texts = [str(t) for stream in ("unet", "text") for t in render_captions(stream, 600)]
    rng = np.random.default_rng(0)
    filled = [trimmed.with_filler(text, noun, rng) for text in texts[:200] for noun in CLASS_NOUNS]
    used = set(trimmed.token_ids([*texts, *filled]).ravel().tolist())
    rare = rare_tokens(tokenizer)
    assert len(rare) >= 300
    assert tokenizer.convert_tokens_to_ids("sks</w>") in rare
    assert not used & set(rare)
    assert set(draw_identifiers(tokenizer, 20)) <= set(trimmed.rare_words())
    for words in (trimmed.fillers(), trimmed.rare_words()):
        ids = trimmed.token_ids(words)
        assert (ids[:, 2] == len(trimmed.vocabulary()) - 1).all()  # one token each, then the end
    for text in texts[:100]:
        ids = tokenizer(text)["input_ids"]
        assert len(ids) <= trimmed.CONTEXT_LENGTH
        assert tokenizer.decode(ids, skip_special_tokens=True).strip() == text.lower()


def render_captions(stream: str, count: int) -> list[str]:
    scenes, rng = shard_scenes(stream, 0, 0, count)
    return [caption(scene, rng) for scene in scenes]


@pytest.mark.usefixtures("muon")
@pytest.mark.parametrize("shape", [(24, 60), (60, 24), (24, 15, 2, 2)])
def test_muon_steps_by_an_orthogonal_matrix_of_adams_size(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.zeros(shape))
    optimizer = Optimizer(
        {"w": weight, "b": torch.nn.Parameter(torch.zeros(2))}, ["w"], lr=0.5, adam_lr={"": 0.1}
    )
    weight.grad = torch.randn(shape)
    gradient = weight.grad.flatten(1).clone()
    optimizer.step(0.1)
    step = -weight.detach().flatten(1)
    assert step.square().mean().sqrt() == pytest.approx(0.5 * 0.1 * 0.2, rel=0.2)
    values = torch.linalg.svdvals(step / (0.5 * 0.1 * 0.2 * 60**0.5))
    assert values.min() > 0.5
    assert values.max() < 1.3
    assert (step * gradient).sum() > 0  # no direction is turned round


@pytest.mark.usefixtures("muon")
def test_the_optimizer_goes_on_from_its_saved_state() -> None:
    torch.manual_seed(0)
    gradients = torch.randn(4, 2, 8, 8)
    layers = [torch.nn.Linear(8, 8), torch.nn.Linear(8, 8)]
    layers[1].load_state_dict(layers[0].state_dict())
    first, second = (
        Optimizer(dict(layer.named_parameters()), ["weight"], lr=0.1, adam_lr={"": 0.1}) for layer in layers
    )
    for number, (matrix, vector) in enumerate(gradients):
        if number == 2:  # saved and loaded by another process
            layers[1].load_state_dict(layers[0].state_dict())
            second.load({name: value.clone() for name, value in first.state().items()})
        for layer, optimizer in zip(layers, (first, second), strict=True):
            layer.weight.grad, layer.bias.grad = matrix.clone(), vector[0].clone()
            if optimizer is first or number >= 2:
                optimizer.step(1.0)
    assert torch.equal(layers[0].weight, layers[1].weight)
    assert torch.equal(layers[0].bias, layers[1].bias)


@pytest.mark.usefixtures("muon")
def test_muon_descends_and_leaves_untouched_embeddings_alone() -> None:
    torch.manual_seed(0)
    table, matrix = torch.nn.Embedding(6, 8), torch.nn.Linear(8, 8, bias=False)
    before = table.weight.detach().clone()
    optimizer = Optimizer({"t": table.weight, "m": matrix.weight}, ["m"], lr=0.02, adam_lr={"": 0.01})
    wanted, losses = torch.randn(3, 8), []
    for _ in range(60):
        loss = (matrix(table(torch.arange(3))) - wanted).square().mean()
        loss.backward()
        optimizer.step(1.0)
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 * losses[0]
    assert torch.equal(table.weight[3:], before[3:])


def test_folding_normalizes_latents_and_keeps_pictures() -> None:
    torch.manual_seed(0)
    vae, images = build_vae(toy=True).eval(), torch.rand(4, 3, 64, 64) * 2 - 1
    with torch.inference_mode():
        posterior = vae.encode(images).latent_dist
        decoded = vae.decode(posterior.mean).sample
        mean, deviation = posterior.mean.mean((0, 2, 3)), posterior.mean.std((0, 2, 3))
        fold_normalization(vae, mean, deviation)
        after = vae.encode(images).latent_dist
        assert torch.allclose(vae.decode(after.mean).sample, decoded, atol=1e-4)
    assert torch.allclose(after.mean.std((0, 2, 3)), torch.ones(4), atol=1e-3)
    assert torch.allclose(after.std, posterior.std / deviation[:, None, None], rtol=1e-3)


def test_identity_figures() -> None:
    subjects, classes = np.array([0, 0, 1, 1]), np.zeros(4, int)
    apart = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    assert same_class_auc(apart, subjects, classes) == 1.0
    assert same_class_auc(apart, np.array([0, 1, 0, 1]), classes) < 0.5
    good = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1]])
    assert instance_loss(good) < instance_loss(good[[0, 1, 3, 2]])
