"""What is asked for: specs, presets, protocols and their signature, and everything that has a name."""
