"""Design spaces: thousands of machines on one recorded run.  docs/exploration.md.

`exploration.exploration` begins one, `results.Results` reads it, `front.pareto_front` and
`sensitivity.sensitivities` answer questions: docs/python-api.md.  Nothing is imported here: each of them needs
packages of the extra ``explore``, and ``pimsim --help`` none.
"""
