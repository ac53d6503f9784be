"""Encoders: images and texts -> embeddings. Each owns its preprocessing and refuses wrong input."""
