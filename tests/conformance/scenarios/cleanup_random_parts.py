"""Messages whose parts, boundaries, types and encodings are random, with checks on headers of every kind and on bodies."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import parts


def run(t):
    parts.through(t, 1)
