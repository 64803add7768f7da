"""Settings that every test shares."""

from __future__ import annotations

from hypothesis import settings

# No deadline: the first call of a compiled kernel takes seconds. Derandomized: the same commit gives the
# same verdict everywhere; --hypothesis-profile=search looks further.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile("repeatable")
