"""NSGA-II that remembers one generation and its parents: time per point and memory do not grow with the points.

Optuna's own walks through all trials of a study whenever it is asked for one.  Crossing, mutation and selection are
its own here too.
"""

from __future__ import annotations

from collections.abc import Mapping

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import NSGAIISampler
from optuna.trial import FrozenTrial, TrialState


class Breeder(NSGAIISampler):
    """Breeds the trials of a study that begins with their parents, if there are any."""

    def __init__(self, distributions: Mapping[str, BaseDistribution], *, seed: int, population: int) -> None:
        """``distributions`` is of all parameters of every trial."""
        super().__init__(population_size=population, seed=seed)
        self._bred = {name: one for name, one in distributions.items() if not one.single()}
        self._parents: list[FrozenTrial] = []

    def next_study(self, study: optuna.Study) -> optuna.Study:
        """A study that begins with the best of another's trials, its parents among them."""
        best = self.select_parent(study, 1)
        begun = optuna.create_study(directions=study.directions, sampler=self)
        begun.add_trials(best)
        self._parents = begun.get_trials(deepcopy=False)
        return begun

    # signatures are the base class'
    def infer_relative_search_space(
        self,
        study: optuna.Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
    ) -> dict[str, BaseDistribution]:
        return self._bred

    def get_trial_generation(self, study: optuna.Study, trial: FrozenTrial) -> int:  # noqa: ARG002
        return 1 if self._parents else 0

    def get_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:  # noqa: ARG002
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return [trial for trial in complete if trial.number >= len(self._parents)]

    def get_parent_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:  # noqa: ARG002
        return self._parents
