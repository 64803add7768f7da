"""Ways of choosing points, by the names that they have on the command line and in results."""

GRID, RANDOM, TORNADO = "grid", "random", "tornado"
WALKS = (GRID, RANDOM, TORNADO)
"""Points are known before any is evaluated."""
NSGA2, TPE = "nsga2", "tpe"
SEARCHES = (NSGA2, TPE)
"""Points follow from what earlier ones have shown."""
METHODS = (*WALKS, *SEARCHES)
POPULATION = 24
"""Points of one generation of a search, unless told otherwise."""
MOST_SEED = 2**32 - 1
"""The largest that Optuna's samplers take."""
