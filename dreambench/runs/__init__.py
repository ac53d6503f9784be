"""From a spec to a scored run: prepare, train, draw, score, keep."""
