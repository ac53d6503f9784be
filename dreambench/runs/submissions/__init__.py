"""Scoring of other people's images: where they lie and what they are called, and their scores."""
