"""Papers as data: published numbers, claims, ablations, and the runs that reproduce the evaluation."""
