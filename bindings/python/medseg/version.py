"""The version of the package, which is that of libmedseg."""

__version__ = "0.2.0"
