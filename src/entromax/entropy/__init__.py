"""Entropy of a dataset: functional and its state, batch optimiser, rounds, ordering, independent judges."""
