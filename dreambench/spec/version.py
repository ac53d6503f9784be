"""The version of the package. Its major and minor number are those of the protocol, in every signature."""

__version__ = "0.1.0"
