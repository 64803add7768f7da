"""``python -m pimsim`` is the ``pimsim`` command."""

from pimsim.cli import main

if __name__ == "__main__":
    main()
