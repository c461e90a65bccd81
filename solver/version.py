"""The version that plans are stamped with: it changes whenever a plan may."""

__all__ = ["SOLVER_VERSION"]

SOLVER_VERSION = "0.1.0"
