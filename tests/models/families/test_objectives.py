"""The loss of every family, written out plainly from the formulas of diffusers' training scripts."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dreambench.methods.dreambooth_lora import _adapted
from dreambench.methods.finetune.latents import Posteriors
from dreambench.methods.finetune.training_step import DenoisingLoss
from dreambench.models.base_model import BaseModel, open_base
from dreambench.models.device import resolve_runtime
from dreambench.models.families.diffusion import DiffusionFamily
from dreambench.models.families.stable_diffusion import StableDiffusion
from dreambench.spec.run_spec import BaseSpec, RuntimeSpec
from tests.material import tiny
from tests.material.tiny_parts import IMAGE_SIZE

CAPTIONS = ("a red dog", "a dog")
SIDE = IMAGE_SIZE // 2  # cells of latents
SEED = 5


def posteriors(base: BaseModel, seed: int) -> Posteriors:
    rng = torch.Generator().manual_seed(seed)
    shape = (3, 16, SIDE // 2, SIDE // 2) if base.family.name.startswith("flux2") else (3, 4, SIDE, SIDE)
    return Posteriors(torch.randn(shape, generator=rng), torch.zeros(shape), 1.0)


def adapted(base: BaseModel) -> Any:
    """Return the denoiser with adapters that do something."""
    module = _adapted(base, base.family.denoiser, 2, seed=3)
    rng = torch.Generator().manual_seed(4)
    for name, parameter in module.named_parameters():
        if "lora_B" in name:
            parameter.data.copy_(torch.randn(parameter.shape, generator=rng) * 0.1)
    return module.eval()


def our_loss(base: BaseModel, denoiser: Any) -> DenoisingLoss:
    return DenoisingLoss(
        denoiser=denoiser,
        family=base.family,
        schedule=base.family.schedule(base.scheduler),
        conditioning=base.family.states(base, CAPTIONS, {}),
        photos=posteriors(base, 1),
        class_images=posteriors(base, 2),
        batch_size=1,
        prior_preservation_weight=0.5,
        generator=torch.Generator().manual_seed(SEED),
        runtime=resolve_runtime(RuntimeSpec(device="cpu")),
        image_size=IMAGE_SIZE,
    )


def draws(base: BaseModel) -> tuple[torch.Tensor, torch.Tensor, torch.Generator]:
    """Repeat the step's draws: latents of a photo and of a class image, then noise."""
    rng = torch.Generator().manual_seed(SEED)
    chosen = []
    for images in (posteriors(base, 1), posteriors(base, 2)):
        index = int(torch.randperm(3, generator=rng)[-1])
        torch.randn(images.mean[:1].shape, generator=rng)
        chosen.append(images.mean[index])
    latents = torch.stack(chosen)
    return latents, torch.randn(latents.shape, generator=rng), rng


def plain_rows(base: BaseModel, denoiser: Any) -> list[torch.Tensor]:
    """Return the weighted error of the photo's row and of the class image's, by the script of the family."""
    latents, noise, rng = draws(base)
    return {
        "sdxl": sdxl, "sd3": sd3, "flux": flux, "flux-kontext": flux, "flux2": flux2, "flux2-klein": flux2,
        "qwen-image": qwen_image, "z-image": z_image,
    }[base.family.name](base, denoiser, latents, noise, rng)  # fmt: skip


def sdxl(base, unet, latents, noise, rng):
    t = torch.randint(0, 1000, (2,), generator=rng)
    alpha_bar = torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2, 0)
    rows = []
    for row, caption in enumerate(CAPTIONS):
        told, _, pooled, _ = base.text_pipeline().encode_prompt(
            caption, device="cpu", do_classifier_free_guidance=False
        )
        z = alpha_bar[t[row]].sqrt() * latents[row] + (1 - alpha_bar[t[row]]).sqrt() * noise[row]
        size = torch.tensor([[IMAGE_SIZE, IMAGE_SIZE, 0, 0, IMAGE_SIZE, IMAGE_SIZE]])
        added = {"text_embeds": pooled, "time_ids": size}
        answer = unet(z[None], t[row], told, added_cond_kwargs=added).sample[0]
        rows.append(((answer - noise[row]) ** 2).mean())
    return rows


def mixed(latents, noise, u, shift=1.0):
    """Return noisy latents, and the sigma and timestep of each row, of 1,000 shifted steps from 1 down."""
    step = (u * 1000).long()
    sigma = 1 - step / 1000
    sigma = shift * sigma / (1 + (shift - 1) * sigma)
    wide = sigma.view(-1, 1, 1, 1)
    return (1 - wide) * latents + wide * noise, sigma, sigma * 1000


def sd3(base, transformer, latents, noise, rng):
    noisy, sigma, t = mixed(latents, noise, torch.sigmoid(torch.randn(2, generator=rng)), shift=3.0)
    rows = []
    for row, caption in enumerate(CAPTIONS):
        told, _, pooled, _ = base.text_pipeline().encode_prompt(
            caption, None, None, do_classifier_free_guidance=False
        )
        velocity = transformer(noisy[row][None], told, pooled, t[row][None], return_dict=False)[0][0]
        preconditioned = velocity * -sigma[row] + noisy[row]
        rows.append(((preconditioned - latents[row]) ** 2).mean())
    return rows


def flux(base, transformer, latents, noise, rng):
    noisy, _, t = mixed(latents, noise, torch.rand(2, generator=rng))
    rows = []
    half = SIDE // 2
    places = torch.zeros(half, half, 3)
    places[..., 1], places[..., 2] = torch.arange(half)[:, None], torch.arange(half)[None]
    for row, caption in enumerate(CAPTIONS):
        told, pooled, text_ids = base.text_pipeline().encode_prompt(caption, None)
        answer = transformer(
            hidden_states=tokens(noisy[row])[None],
            timestep=t[row][None] / 1000,
            guidance=torch.ones(1),
            pooled_projections=pooled,
            encoder_hidden_states=told,
            txt_ids=text_ids,
            img_ids=places.view(-1, 3),
            return_dict=False,
        )[0][0]
        rows.append(((answer - tokens(noise[row] - latents[row])) ** 2).mean())
    return rows


def tokens(latents):
    """Return 2 x 2 cells as one token: [c, h, w] to [h/2 w/2, 4 c], written as loops."""
    channels, height, width = latents.shape
    return torch.stack(
        [
            torch.stack([latents[c, y + i, x + j] for c in range(channels) for i in (0, 1) for j in (0, 1)])
            for y in range(0, height, 2)
            for x in range(0, width, 2)
        ]
    )  # fmt: skip


def flux2(base, transformer, latents, noise, rng):
    noisy, _, t = mixed(latents, noise, torch.rand(2, generator=rng))
    height, width = latents.shape[2:]
    places = torch.tensor([[0, y, x, 0] for y in range(height) for x in range(width)])
    rows = []
    for row, caption in enumerate(CAPTIONS):
        told, text_ids = base.text_pipeline().encode_prompt(caption)
        answer = transformer(
            hidden_states=noisy[row].flatten(1).T[None],
            timestep=t[row][None] / 1000,
            guidance=torch.ones(1) if transformer.config.guidance_embeds else None,
            encoder_hidden_states=told,
            txt_ids=text_ids,
            img_ids=places[None],
            return_dict=False,
        )[0][0]
        rows.append(((answer - (noise[row] - latents[row]).flatten(1).T) ** 2).mean())
    return rows


def qwen_image(base, transformer, latents, noise, rng):
    noisy, _, t = mixed(latents, noise, torch.rand(2, generator=rng))
    rows = []
    for row, caption in enumerate(CAPTIONS):
        told, mask = base.text_pipeline().encode_prompt(caption)
        answer = transformer(
            hidden_states=tokens(noisy[row])[None],
            encoder_hidden_states=told,
            encoder_hidden_states_mask=mask,
            timestep=t[row][None] / 1000,
            img_shapes=[(1, SIDE // 2, SIDE // 2)],
            return_dict=False,
        )[0][0]
        rows.append(((answer - tokens(noise[row] - latents[row])) ** 2).mean())
    return rows


def z_image(base, transformer, latents, noise, rng):
    noisy, _, t = mixed(latents, noise, torch.rand(2, generator=rng), shift=3.0)
    rows = []
    for row, caption in enumerate(CAPTIONS):
        told, _ = base.text_pipeline().encode_prompt(caption, do_classifier_free_guidance=False)
        [answer] = transformer([noisy[row][:, None]], (1000 - t[row][None]) / 1000, told, return_dict=False)[
            0
        ]
        rows.append(((-answer[:, 0] - (noise[row] - latents[row])) ** 2).mean())
    return rows


def test_loss_and_gradient_are_the_scripts(base):
    ours, plain = adapted(base), adapted(base)
    terms = our_loss(base, ours).terms()
    terms.total.backward()
    photo, prior = plain_rows(base, plain)
    (photo + 0.5 * prior).backward()
    assert terms.photo.item() == pytest.approx(photo.item(), rel=1e-5)
    assert terms.prior.item() == pytest.approx(prior.item(), rel=1e-5)
    compared = 0
    for (name, one), other in zip(ours.named_parameters(), plain.parameters(), strict=True):
        assert (one.grad is not None) == ("lora_" in name), name
        if one.grad is not None:
            torch.testing.assert_close(one.grad, other.grad, atol=2e-5, rtol=2e-3)
            compared += bool(one.grad.abs().max() > 0)
    assert compared > 4


def test_the_class_row_has_the_class_caption(base):
    """Swapped captions are another loss: each half of the batch has its own (diffusers, PR 12411)."""
    denoiser = adapted(base)
    right, swapped = our_loss(base, denoiser), our_loss(base, denoiser)
    swapped.conditioning = base.family.states(base, CAPTIONS[::-1], {})
    assert right.terms().prior.item() != pytest.approx(swapped.terms().prior.item(), rel=2e-5)


def test_a_familys_own_u_net_needs_no_trainable_text_encoder(tmp_path):
    """docs/families.md: a class that derives from DiffusionFamily needs ``encode`` and ``predict`` alone."""

    class Own(DiffusionFamily):
        weighted, tokenizers = StableDiffusion.weighted, StableDiffusion.tokenizers
        pipeline_options, encode = StableDiffusion.pipeline_options, StableDiffusion.encode
        predict = StableDiffusion.predict

    base = open_base(BaseSpec(model=str(tiny.build_pipeline(tmp_path / "sd"))))
    wanted = base.family.states(base, CAPTIONS, {})()
    base.family = Own()
    found = base.family.states(base, CAPTIONS, {})()
    torch.testing.assert_close(found["prompt_embeds"], wanted["prompt_embeds"])
