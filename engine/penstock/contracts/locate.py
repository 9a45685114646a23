"""Finds topics/ and schemas/: in the package of a wheel, at the top of the tree in a checkout."""

from importlib.resources import files
from pathlib import Path


def contract_folder(name: str) -> Path:
    """The folder `topics` or `schemas`."""
    package = Path(str(files("penstock")))
    for folder in (package / "_contracts" / name, package.parent.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"{name}/ is neither in the installed package nor beside the checkout")
