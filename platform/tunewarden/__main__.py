"""`python -m tunewarden` is `tunewarden`."""

from tunewarden.entry.cli import main

if __name__ == "__main__":
    main()
