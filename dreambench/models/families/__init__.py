"""Families of base models: how a pipeline's denoiser is conditioned, trained and drawn from."""
