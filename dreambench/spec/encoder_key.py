"""The names under which embeddings are kept. No torch here: the analysis finds them without it."""

from __future__ import annotations

import hashlib
import json

from dreambench.spec.protocol_spec import EncoderSpec


def encoder_key(kind: str, spec: EncoderSpec) -> str:
    """Return the short name of an encoder: a hash of its model, weights and transform.

    A fingerprint stands for the weights' path, so moving a file changes nothing and changing it
    changes the key. Nothing is loaded.
    """
    fields = spec.model_dump(mode="json")
    if fields.get("size") == "native":
        fields.pop("size")  # embeddings of runs from before it could be chosen stay
    if fields["fingerprint"]:
        fields.pop("weights")
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
    return f"{kind}-{digest[:12]}"
