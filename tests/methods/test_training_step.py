"""One training step's loss and gradient against the paper's equation, written out term by term."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dreambench.methods.finetune import training_step
from dreambench.methods.finetune.finetune_options import FineTuneOptions
from dreambench.methods.finetune.latents import Posteriors, ShuffledIndices
from dreambench.methods.finetune.training_step import DenoisingLoss, dreambooth_loss, optimize
from dreambench.models.base_model import open_base
from dreambench.models.device import resolve_runtime
from dreambench.spec.run_spec import BaseSpec, RuntimeSpec

pytestmark = pytest.mark.slow

STATES = torch.randn(2, 77, 32, generator=torch.Generator().manual_seed(3))


def posteriors(seed: int, count: int) -> Posteriors:
    source = torch.Generator().manual_seed(seed)
    mean = torch.randn(count, 4, 16, 16, generator=source)
    std = torch.rand(count, 4, 16, 16, generator=source)
    return Posteriors(mean, std, scale=0.18215)


PREDICTIONS = ("epsilon", "v_prediction")


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    from tests.material import tiny

    top = tmp_path_factory.mktemp("bases")
    return {name: tiny.build_pipeline(top / name, prediction_type=name) for name in PREDICTIONS}


@pytest.fixture(params=PREDICTIONS)
def base(request, folders):
    return open_base(BaseSpec(model=str(folders[request.param])))


def predicts(base) -> str:
    return base.family.schedule(base.scheduler).config.prediction_type


def make_loss(base, *, weight: float, with_prior: bool = True, seed: int = 11) -> DenoisingLoss:
    return DenoisingLoss(
        denoiser=base.fresh("unet").requires_grad_(True),
        family=base.family,
        schedule=base.family.schedule(base.scheduler),
        conditioning=lambda: {"prompt_embeds": STATES[: 1 + with_prior]},
        photos=posteriors(1, 5),
        class_images=posteriors(2, 7) if with_prior else None,
        batch_size=2,
        prior_preservation_weight=weight,
        generator=torch.Generator().manual_seed(seed),
        runtime=resolve_runtime(RuntimeSpec(device="cpu")),
        image_size=32,
    )


def plain_step(base, weight: float, with_prior: bool, seed: int = 11):
    """Compute the paper's equation 2 in the model's parameterization, from the same draws, term by term.

    Returns the photo term, the class term, and the U-Net with its gradients.
    """
    unet = base.fresh("unet").requires_grad_(True)
    rng = torch.Generator().manual_seed(seed)
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    alpha_bar = torch.cumprod(1 - betas, 0)

    def latents(images: Posteriors, indices: list[int]) -> torch.Tensor:
        mean, std = images.mean[indices], images.std[indices]
        return (mean + std * torch.randn(mean.shape, generator=rng)) * 0.18215

    x = latents(posteriors(1, 5), torch.randperm(5, generator=rng).tolist()[::-1][:2])
    if with_prior:
        pr = latents(posteriors(2, 7), torch.randperm(7, generator=rng).tolist()[::-1][:2])
        x = torch.cat([x, pr])
    eps = torch.randn(x.shape, generator=rng)
    t = torch.randint(0, 1000, (len(x),), generator=rng)
    terms = []
    for row in range(len(x)):
        alpha, sigma = alpha_bar[t[row]].sqrt(), (1 - alpha_bar[t[row]]).sqrt()
        z = (alpha * x[row] + sigma * eps[row])[None]
        c = STATES[0 if row < 2 else 1][None]
        answer = unet(z, t[row][None], c).sample[0]
        target = eps[row] if predicts(base) == "epsilon" else alpha * eps[row] - sigma * x[row]
        terms.append(((answer - target) ** 2).mean())
    photo = (terms[0] + terms[1]) / 2
    prior = (terms[2] + terms[3]) / 2 if with_prior else torch.zeros(())
    (photo + weight * prior).backward()
    return photo, prior, unet


@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_loss_and_gradient_equal_the_papers_equation(base, weight):
    loss = make_loss(base, weight=weight)
    terms = loss.terms()
    terms.total.backward()
    photo, prior, unet = plain_step(base, weight, with_prior=True)
    assert terms.photo.item() == pytest.approx(photo.item(), abs=1e-5)
    assert terms.prior.item() == pytest.approx(prior.item(), abs=1e-5)
    assert terms.total.item() == pytest.approx((photo + weight * prior).item(), abs=1e-5)
    for ours, theirs in zip(loss.denoiser.parameters(), unet.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-5, rtol=1e-3)


def test_without_prior_preservation_only_the_photo_term_is_left(base):
    terms = make_loss(base, weight=1.0, with_prior=False).terms()
    photo, _, _ = plain_step(base, 1.0, with_prior=False)
    assert terms.prior is None
    assert terms.total.item() == pytest.approx(photo.item(), abs=1e-5)


def test_the_class_term_without_class_images_is_the_distance_from_the_frozen_model(base):
    """The same noisy photos with the class caption, against what the untouched U-Net says, written out."""
    frozen = base.fresh("unet")
    loss = make_loss(base, weight=0.7, with_prior=False)
    loss.conditioning = lambda: {"prompt_embeds": STATES}
    told = STATES[1:].expand(2, -1, -1)
    loss.base_prediction = lambda noisy: frozen(noisy.latents, noisy.timesteps, told).sample.detach()
    with torch.no_grad():
        for parameter in loss.denoiser.parameters():
            parameter.add_(0.01)
    moved = copy.deepcopy(loss.denoiser)
    terms = loss.terms()
    # The draws of plain_step without a prior: the photo term's noisy latents and timesteps.
    rng = torch.Generator().manual_seed(11)
    indices = torch.randperm(5, generator=rng).tolist()[::-1][:2]
    photos = posteriors(1, 5)
    mean, std = photos.mean[indices], photos.std[indices]
    x = (mean + std * torch.randn(mean.shape, generator=rng)) * 0.18215
    eps = torch.randn(x.shape, generator=rng)
    t = torch.randint(0, 1000, (2,), generator=rng)
    noisy = base.family.schedule(base.scheduler).add_noise(x, eps, t)
    states = STATES[1:].expand(2, -1, -1)
    expected = ((moved(noisy, t, states).sample - frozen(noisy, t, states).sample) ** 2).mean()
    assert terms.prior.item() == pytest.approx(expected.item(), abs=1e-6)
    assert expected > 1e-6
    assert terms.total.item() == pytest.approx((terms.photo + 0.7 * expected).item(), abs=1e-6)


def test_a_class_term_of_weight_zero_adds_nothing_to_the_gradient(base):
    zero = make_loss(base, weight=0.0)
    zero.terms().total.backward()
    half = make_loss(base, weight=0.5)
    half.terms().total.backward()
    grads = [torch.cat([p.grad.flatten() for p in loss.denoiser.parameters()]) for loss in (zero, half)]
    _, _, unet = plain_step(base, 0.0, with_prior=True)
    plain = torch.cat([p.grad.flatten() for p in unet.parameters()])
    torch.testing.assert_close(grads[0], plain, atol=1e-5, rtol=1e-3)
    assert (grads[0] - grads[1]).abs().max() > 1e-3


def test_v_and_epsilon_targets_name_the_same_clean_image(base):
    schedule = base.family.schedule(base.scheduler)
    x = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    noisy = base.family.corrupt(schedule, x, torch.Generator().manual_seed(1))
    alpha = schedule.alphas_cumprod[noisy.timesteps].sqrt()[:, None, None, None]
    sigma = (1 - alpha**2).sqrt()
    if predicts(base) == "v_prediction":
        clean = alpha * noisy.latents - sigma * noisy.target
    else:
        clean = (noisy.latents - sigma * noisy.target) / alpha
    torch.testing.assert_close(clean, x, atol=1e-3, rtol=1e-3)


def test_the_loss_weighs_terms_not_rows():
    prediction = torch.zeros(3, 1, 1, 1)
    target = torch.tensor([1.0, 3.0, 2.0]).view(3, 1, 1, 1)
    terms = dreambooth_loss(prediction, target, photos=2, prior_preservation_weight=0.5)
    assert (terms.photo.item(), terms.prior.item(), terms.total.item()) == (5.0, 4.0, 7.0)


def test_every_image_is_drawn_before_any_is_drawn_twice():
    order = ShuffledIndices(5, torch.Generator().manual_seed(0))
    drawn = [int(i) for _ in range(4) for i in order.draw(5)]
    assert all(sorted(drawn[i : i + 5]) == [0, 1, 2, 3, 4] for i in range(0, 20, 5))
    assert drawn[:5] != drawn[5:10]


def test_latents_are_drawn_again_from_the_posterior_at_each_step():
    images = posteriors(4, 1)
    rng = torch.Generator().manual_seed(0)
    draws = torch.cat([images.draw(torch.tensor([0]), rng) for _ in range(4000)]) / 0.18215
    torch.testing.assert_close(draws.mean(0), images.mean[0], atol=0.08, rtol=0)
    torch.testing.assert_close(draws.std(0), images.std[0], atol=0.06, rtol=0)


def test_nothing_of_a_training_outlives_it(folders):
    """Adam's state must be gone before the next subject trains, without a garbage collector.

    In a process of its own, because torch keeps the first optimizer of a process for longer. A forked one
    would not show that: without the clearing at the end of the training this test would pass in it.
    """
    script = f"""
import gc, weakref
from dreambench.methods.finetune import training_step
from dreambench.methods.finetune.finetune_options import FineTuneOptions
from dreambench.models.base_model import open_base
from dreambench.spec.run_spec import BaseSpec
from tests.methods.test_training_step import make_loss

ours = training_step.make_optimizer
training_step.make_optimizer = lambda *arguments: seen(ours(*arguments))
moments = []
def seen(optimizer):
    optimizer.register_step_post_hook(
        lambda o, *_: moments.extend(weakref.ref(state["exp_avg"]) for state in o.state.values()))
    return optimizer

gc.disable()
for folder in {[str(folders[name]) for name in PREDICTIONS]!r}:
    moments.clear()
    loss = make_loss(open_base(BaseSpec(model=folder)), weight=1.0)
    weights = weakref.ref(loss.denoiser)
    gc.collect()
    options = FineTuneOptions(name="x", steps=2, learning_rate=1e-4)
    training_step.optimize(list(loss.denoiser.parameters()), loss, options, "dog", lambda step, total: None)
    assert moments
    assert all(moment() is None for moment in moments), "Adam's state is alive"
    del loss
    assert weights() is None, "the weights are alive"
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_rate_warms_up_step_by_step(base, monkeypatch):
    rates = []
    ours = training_step.make_optimizer

    def watched(*arguments):
        optimizer = ours(*arguments)
        optimizer.register_step_pre_hook(lambda o, *_: rates.append(o.param_groups[0]["lr"]))
        return optimizer

    monkeypatch.setattr(training_step, "make_optimizer", watched)
    loss = make_loss(base, weight=1.0)
    options = FineTuneOptions(name="x", steps=6, learning_rate=1e-3, warmup_steps=4)
    optimize(list(loss.denoiser.parameters()), loss, options, "dog", lambda step, total: None)
    assert rates == pytest.approx([0.25e-3, 0.5e-3, 0.75e-3, 1e-3, 1e-3, 1e-3])
