"""What methods that train a denoiser share: latents, the loss, the optimizer, the loop."""
