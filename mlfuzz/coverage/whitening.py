"""The covariance of the seeds within their answers, made invertible, and its inverse's root."""

from __future__ import annotations

import numpy as np

from mlfuzz.errors import HarnessError


def whitening(
    embeddings: np.ndarray, answers: np.ndarray, ridge: float, variance: float
) -> np.ndarray:
    """(E, K) float64: maps differences to where the covariance within the classes is the unit.

    K is the number of neurons whose variance is above ``variance``; the rows of the others are
    zero.  ``ridge`` times the mean variance is added to each.  With L answers among R seeds the
    covariance has R - L degrees of freedom.

    Raises
    ------
    HarnessError
        Where no neuron is left, or the covariance has no inverse.
    """
    within = np.array(embeddings)
    for answer in np.unique(answers):
        within[answers == answer] -= embeddings[answers == answer].mean(axis=0)
    free = max(1, len(answers) - len(np.unique(answers)))
    covariance = within.T @ within / free
    alive = np.flatnonzero(np.diag(covariance) > variance)
    if not alive.size:
        raise HarnessError(
            f"coverage=: of the seeds' embeddings no neuron has a variance above {variance}. "
            "Expected seeds that differ; add some, or lower variance=."
        )
    covariance = covariance[np.ix_(alive, alive)]
    covariance += ridge * np.diag(covariance).mean() * np.eye(len(alive))
    values, vectors = np.linalg.eigh(covariance)
    if values[0] <= 1e-12 * values[-1]:
        raise HarnessError(
            f"coverage=: the covariance of {len(answers)} seeds in {len(alive)} neurons has no "
            f"inverse. Expected ridge= over 0, got {ridge}."
        )
    whiten = np.zeros((embeddings.shape[1], len(alive)))
    whiten[alive] = vectors / np.sqrt(values)
    return whiten
