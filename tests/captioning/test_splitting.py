from dataclasses import replace
from pathlib import Path

import pytest

from captioning.recipe import CaptionFiles
from captioning.splitting import Collection, hold_out, read_collections
from common.errors import InputError
from data.records import CaptionedImage


def collection(count, language="en", first=0):
    records = [
        CaptionedImage(Path(f"{n}.jpg"), (f"number {n}",), language) for n in range(first, first + count)
    ]
    return Collection(CaptionFiles(Path("photos"), language=language), records)


def images(collections):
    return [record.image for each in collections for record in each.records]


@pytest.mark.parametrize(("count", "held"), [(2, 1), (10, 1), (100, 5), (30_000, 1000)])
def test_five_in_a_hundred_images_are_held_out_at_most_a_thousand(count, held):
    shown, held_out = hold_out([collection(count)])
    assert len(images(held_out)) == held
    assert sorted(images(shown) + images(held_out)) == sorted(images([collection(count)]))
    assert hold_out([collection(count)]) == (shown, held_out)


def test_an_image_is_held_out_of_every_collection():
    shown, held_out = hold_out([collection(60), collection(60, "de", first=40)])
    assert not set(images(shown)) & set(images(held_out))
    assert len(set(images(held_out))) == 5
    for each in (shown, held_out):
        for part in each:
            assert {record.language for record in part.records} == {part.files.language}
    assert len(images(shown)) + len(images(held_out)) == 120


def test_one_image_cannot_be_split():
    with pytest.raises(InputError, match="photos: one image is too few, as some are to validate on"):
        hold_out([collection(1), collection(1, "de")])


def test_images_to_measure_on_are_not_learned_from(recipe):
    """Whichever file names them."""
    data, captions = recipe.data[0], recipe.data[0].captions
    lines = captions.read_text(encoding="utf-8").splitlines(keepends=True)
    some = captions.with_name("some.tsv")
    some.write_text("".join(lines[:3]), encoding="utf-8")  # the header and two
    measured = replace(recipe, validation=(replace(data, captions=some),))
    shown, held_out = read_collections(measured)
    assert len(images(held_out)) == 2
    assert len(images(shown)) == 14
    assert not set(images(shown)) & set(images(held_out))
    with pytest.raises(InputError, match=r"all of its images are to validate on; give others"):
        read_collections(replace(recipe, validation=(data,)))


def files(tmp_path, captions, names, **settings):
    """Captions and empty images of these names."""
    folder = tmp_path / "images"
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    path = tmp_path / "captions.tsv"
    path.write_text("".join(f"{name}\t{caption}\n" for name, caption in captions), encoding="utf-8")
    lists = {}
    for key in ("only", "without"):
        if key in settings:
            (tmp_path / f"{key}.txt").write_text("\n".join(settings.pop(key)))
            lists[key] = (tmp_path / f"{key}.txt",)
    return CaptionFiles(folder, path, **settings, **lists)


CAPTIONS = [("1_a.jpg", "one"), ("2_b.jpg", "two"), ("3_c.jpg", "three"), ("1_a.jpg", "again")]
NAMES = [name for name, _ in CAPTIONS]


@pytest.mark.parametrize(
    ("lists", "left"),
    [
        ({}, ["1_a.jpg", "2_b.jpg", "3_c.jpg"]),
        ({"without": ["2", "4_x.jpg"]}, ["1_a.jpg", "3_c.jpg"]),
        ({"only": ["1_a.jpg", "3", "9"]}, ["1_a.jpg", "3_c.jpg"]),
        ({"only": ["1", "3"], "without": ["3.jpg"]}, ["1_a.jpg"]),
    ],
)
def test_withheld_photographs_are_left_out(tmp_path, lists, left):
    found = files(tmp_path, CAPTIONS, NAMES, **lists).read()
    assert [record.image.name for record in found] == left
    assert found[0].captions == ("One.", "Again.")


def test_photographs_of_the_same_id_under_another_name(tmp_path):
    """As Multi30k's, of which Flickr8k has some, and some of these are withheld."""
    captions = [("1.jpg", "eins"), ("2.jpg", "zwei"), ("7.jpg", "nicht da")]
    found = files(tmp_path, captions, NAMES, by_id=True, without=["2_b.jpg"], language="de").read()
    assert found == [CaptionedImage(tmp_path / "images" / "1_a.jpg", ("Eins.",), "de")]


def test_captions_beside_the_images(tmp_path):
    (tmp_path / "a.jpg").touch()
    (tmp_path / "a.txt").write_text("a dog\n")
    assert CaptionFiles(tmp_path).read() == [CaptionedImage(tmp_path / "a.jpg", ("A dog.",))]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"without": ["1", "2", "3"]}, r"captions\.tsv: of its images none are left; check `only`"),
        ({"only": ["9"]}, r"captions\.tsv: of its images none are left"),
        ({"only": [""]}, r"only\.txt has no names"),
    ],
)
def test_nothing_left(tmp_path, settings, message):
    with pytest.raises(InputError, match=message):
        files(tmp_path, CAPTIONS, NAMES, **settings).read()


def test_a_folder_that_is_not_there(tmp_path):
    there = files(tmp_path, CAPTIONS, NAMES, by_id=True)
    with pytest.raises(InputError, match=r"nowhere: cannot be listed \(.*\); mend `images`"):
        replace(there, images=tmp_path / "nowhere").read()
