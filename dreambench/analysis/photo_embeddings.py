"""The photos' embeddings that a run keeps, read without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dreambench.analysis.run_scores import RunScores
from dreambench.spec.encoder_key import encoder_key
from dreambench.store.files import sha256_of


def photo_embeddings(run: RunScores, kind: str) -> dict[str, np.ndarray]:
    """Return each subject's photo embeddings [photos, d] by ``dino`` or ``clip``.

    Embeddings have the hash of the file that they are of, or in a kept copy of a run the photo's name. A
    subject whose photos have been moved, or were not embedded, is left out.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    key = encoder_key(kind, getattr(run.record.spec.protocol, kind))
    kept = run.folder.published_photos_file(key)
    found = {}
    for subject, photos in run.record.photos.items():
        try:
            if kept.exists():
                rows, names = load_file(kept), photos
            else:
                rows = load_file(run.folder.embedding_file(key, subject))
                names = [sha256_of(Path(photo)) for photo in photos]
            found[subject] = np.stack([rows[name] for name in names])
        except (OSError, SafetensorError, KeyError, ValueError):
            continue
    return found
