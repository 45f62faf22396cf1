"""Run `halopaint` in a checkout that need not be installed: ``python cli.py``."""

from halokeras.commands.app import app, main

__all__ = ["app", "main"]

if __name__ == "__main__":
    main()
