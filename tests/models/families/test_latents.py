"""Latents of every family: an image keeps its own under every order, and they decode as in its pipeline."""

from __future__ import annotations

import diffusers
import torch

from dreambench.models.families.stable_diffusion import StableDiffusion
from tests.material.tiny_parts import IMAGE_SIZE


def test_latents_of_an_image_stay_its_own_under_every_order(base, tmp_path):
    """Posteriors are kept by image, never by step (diffusers, issue 14430): a drawn row is its image's."""
    from dreambench.methods.finetune.latents import encode_posteriors
    from tests.store.material import pictures

    files = []
    for file, image in pictures(tmp_path, 3, IMAGE_SIZE).items():
        image.save(file)
        files.append(file)
    whole = encode_posteriors(base, files, IMAGE_SIZE)
    for index, file in enumerate(files):
        alone = encode_posteriors(base, [file], IMAGE_SIZE)
        torch.testing.assert_close(whole.mean[index], alone.mean[0], atol=1e-4, rtol=1e-4)
        scaled = whole.draw(torch.tensor([index]), torch.Generator().manual_seed(0))
        assert scaled.shape == alone.mean.shape


def test_latents_decode_as_the_pipeline_decodes(base, tmp_path):
    """What is encoded here and decoded by the pipeline's last lines is the VAE's own round trip."""
    from dreambench.methods.finetune.latents import encode_posteriors, pixels
    from tests.store.material import pictures

    [(file, image)] = pictures(tmp_path, 1, IMAGE_SIZE).items()
    image.save(file)
    found = encode_posteriors(base, [file], IMAGE_SIZE)
    latents = (found.mean - found.shift) * found.scale
    vae, photo = base.frozen("vae"), pixels(image.convert("RGB"), IMAGE_SIZE)[None]
    with torch.no_grad():
        frames = photo.unsqueeze(2) if base.family.name == "qwen-image" else photo
        expected = vae.decode(vae.encode(frames).latent_dist.mode()).sample
        decoded = decode_as_pipeline(base, latents)
    torch.testing.assert_close(decoded, expected.reshape(decoded.shape), atol=2e-4, rtol=1e-3)


def decode_as_pipeline(base, latents):
    """Return what the pipeline's last lines make of denoised latents."""
    vae = base.frozen("vae")
    if base.family.name.startswith("flux2"):
        from diffusers import Flux2Pipeline

        deviation = torch.sqrt(vae.bn.running_var.view(1, -1, 1, 1) + vae.config.batch_norm_eps)
        latents = latents * deviation + vae.bn.running_mean.view(1, -1, 1, 1)
        return vae.decode(Flux2Pipeline._unpatchify_latents(latents)).sample
    if base.family.name == "qwen-image":
        mean = torch.tensor(vae.config.latents_mean).view(1, -1, 1, 1, 1)
        deviation = torch.tensor(vae.config.latents_std).view(1, -1, 1, 1, 1)
        return vae.decode(latents.unsqueeze(2) * deviation + mean).sample
    shift = vae.config.shift_factor or 0.0
    return vae.decode(latents / vae.config.scaling_factor + shift).sample


def test_every_timestep_of_a_diffusion_model_is_trained():
    schedule = diffusers.DDPMScheduler(num_train_timesteps=100)
    noisy = StableDiffusion().corrupt(schedule, torch.zeros(4000, 1, 1, 1), torch.Generator().manual_seed(0))
    assert set(noisy.timesteps.tolist()) == set(range(100))
