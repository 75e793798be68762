"""Measurements behind the figures that are quoted: ``python -m benchmarks.<topic>.<script>``, see README.md here."""
