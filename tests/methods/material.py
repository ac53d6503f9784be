"""Comparison of weights, bit by bit."""

from __future__ import annotations

import torch


def weights(module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def moved(ours, theirs) -> bool:
    return not torch.equal(weights(ours), weights(theirs))
