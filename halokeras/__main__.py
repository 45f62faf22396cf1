"""Run the `halopaint` command: ``python -m halokeras``."""

from halokeras.commands.app import main

if __name__ == "__main__":
    main()
