"""The entry point; commands are wired in later."""


def main() -> None:
    """Run kprov."""
