"""`python -m wyoming_servers` and the command `wyoming-conductor`."""

from wyoming_servers.cli.main import app


def main() -> None:
    """Run the command line; ends the process with its exit code."""
    app(prog_name="wyoming-conductor")


if __name__ == "__main__":
    main()
