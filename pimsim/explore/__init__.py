"""Design spaces: thousands of machines on one recorded run.  docs/exploration.md."""
