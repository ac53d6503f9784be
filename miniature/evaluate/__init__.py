"""How good the miniature is, measured against the drawn world's ground truth."""
