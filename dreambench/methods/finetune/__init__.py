"""Fine-tuning of a denoiser: its hyperparameters, its latents, the training step."""
