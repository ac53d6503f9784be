"""Models: the base that is personalized, and the encoders that score."""
