"""What to learn from and what to measure on; the second is taken off the first where none is given."""

from collections.abc import Collection as Group
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from captioning.recipe import CaptionerRecipe, CaptionFiles
from common.errors import InputError
from data.records import CaptionedImage

_SHARE, _MOST = 0.05, 1000


@dataclass(frozen=True)
class Collection:
    """Captioned images and the files that they come from."""

    files: CaptionFiles
    records: Sequence[CaptionedImage]


def read_collections(recipe: CaptionerRecipe) -> tuple[list[Collection], list[Collection]]:
    """The collections to learn from and those to measure on, which have no image in common.

    Raises:
        InputError: A file cannot be read, or no images are left to learn from or to measure on.
    """
    collections = [Collection(files, files.read()) for files in recipe.data]
    if not recipe.validation:
        return hold_out(collections)
    held_out = [Collection(files, files.read()) for files in recipe.validation]
    images = {record.image for each in held_out for record in each.records}
    shown = _of_images(collections, images, inside=False)
    if not shown:
        raise InputError(
            f"{_name(collections)}: all of its images are to validate on; give others for validation, "
            f"or none, and some are taken off"
        )
    return shown, held_out


def hold_out(collections: Sequence[Collection]) -> tuple[list[Collection], list[Collection]]:
    """Take 5 % of the images off, at most 1,000, with all of their captions in every collection.

    Of the same images the same ones are taken.

    Raises:
        InputError: There is only one image.
    """
    images = list(dict.fromkeys(record.image for each in collections for record in each.records))
    if len(images) < 2:
        raise InputError(
            f"{_name(collections)}: one image is too few, as some are to validate on; give more, "
            f"or other files for validation"
        )
    taken = set(Random(0).sample(images, min(_MOST, max(1, round(_SHARE * len(images))))))
    return _of_images(collections, taken, inside=False), _of_images(collections, taken, inside=True)


def _of_images(collections: Sequence[Collection], images: Group[Path], *, inside: bool) -> list[Collection]:
    """The records whose image is among ``images``, or is not; no collection is empty."""
    parts = (
        Collection(each.files, [record for record in each.records if (record.image in images) == inside])
        for each in collections
    )
    return [part for part in parts if part.records]


def _name(collections: Sequence[Collection]) -> Path:
    files = collections[0].files
    return files.captions or files.images
