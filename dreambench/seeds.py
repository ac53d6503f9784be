"""Seeds that belong to a thing, not to a stream: order, batching and resuming cannot change them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def stable_seed(*parts: object) -> int:
    """Return a 63-bit seed: a hash of the parts' texts, the same on every machine and in every version.

    An image's parts are (run seed, subject, prompt index, image index); see design, "Seeds".
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(*parts: object) -> torch.Generator:
    """Return a CPU generator seeded by ``stable_seed``; on a GPU too the noise comes from the CPU,
    so that it does not depend on the device."""
    import torch  # here: the report, which names seeds, works without it

    return torch.Generator("cpu").manual_seed(stable_seed(*parts))
