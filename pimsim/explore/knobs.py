"""Axes as parameters of Optuna: the form in which its samplers use what is known of their order, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pimsim.errors import MissingPackageError
from pimsim.explore.axis import Axis, Span
from pimsim.explore.point import Value

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial

Gene = int | float | str
"""A value as a sampler sees it: a number of a span, a place among ascending numbers, or a text."""


def check_optuna() -> None:
    """Raise MissingPackageError where there is no Optuna; for before the long work."""
    try:
        import optuna
    except ImportError as error:
        raise MissingPackageError(
            "searching and importances need Optuna, not installed here: pip install 'pimsim[explore]'"
        ) from error
    # it announces every study otherwise
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass(frozen=True)
class Knob:
    """An axis; ``values`` by place where it has numbers only, ascending, else by place in the file."""

    axis: Axis
    values: tuple[Value, ...]
    ordered: bool

    @staticmethod
    def of(axis: Axis) -> Knob:
        """Numbers that are listed are told by their place: 64, 128, 256 are neighbours, and none lies between."""
        ordered = all(isinstance(value, int | float) and not isinstance(value, bool) for value in axis.values)
        return Knob(axis, tuple(sorted(axis.values, key=float)) if ordered else axis.values, ordered)

    def suggested(self, trial: Trial) -> Value:
        """What a sampler proposes."""
        name, span = self.axis.name, self.axis.span
        if span is not None:
            if _whole(span):
                return trial.suggest_int(name, int(span.low), int(span.high), log=span.log)
            return trial.suggest_float(name, span.low, span.high, log=span.log)
        if self.ordered:
            return self.values[trial.suggest_int(name, 0, len(self.values) - 1)]
        return self._by_text[trial.suggest_categorical(name, tuple(self._by_text))]

    def gene(self, value: Value) -> Gene:
        """The inverse of `suggested`."""
        if self.axis.span is not None:
            assert not isinstance(value, str)  # a span has numbers only
            return value
        return self.values.index(value) if self.ordered else str(value)

    def distribution(self) -> BaseDistribution:
        """All that a sampler may propose."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        span = self.axis.span
        if span is not None:
            if _whole(span):
                return IntDistribution(int(span.low), int(span.high), log=span.log)
            return FloatDistribution(span.low, span.high, log=span.log)
        if self.ordered:
            return IntDistribution(0, len(self.values) - 1)
        return CategoricalDistribution(tuple(self._by_text))

    @property
    def _by_text(self) -> dict[str, Value]:
        return {str(value): value for value in self.values}


def applies(axis: Axis, values: Mapping[str, Value]) -> bool:
    """Whether a point with these values of earlier axes has this one."""
    return all(name in values and values[name] in allowed for name, allowed in axis.when)


def _whole(span: Span) -> bool:
    return isinstance(span.low, int) and isinstance(span.high, int)
