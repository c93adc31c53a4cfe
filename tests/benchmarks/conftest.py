import pathlib
import sys

# The races are run from the root of the repository and aren't installed.
sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
