"""The commands of ``python -m asyncnet``: one module each, above everything else."""

from .main import main

__all__ = ["main"]
