"""The surroundings: the 20 official contexts and plain ones; every module registers its own."""
