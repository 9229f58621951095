import gzip
import json
from pathlib import Path

import pytest

from common.errors import InputError
from data.captions import missing_images, read_captions
from data.records import CaptionedImage

# The same two photographs in every format: b.jpg comes first, its captions are apart.
COCO = {
    "info": {},
    "images": [
        {"id": 7, "file_name": "a.jpg"},
        {"id": 9, "file_name": "b.jpg"},
        {"id": 11, "file_name": "c.jpg"},
    ],
    "annotations": [
        {"image_id": 9, "id": 1, "caption": "A dog, running."},
        {"image_id": 7, "id": 2, "caption": 'A "cat"\n'},
        {"image_id": 9, "id": 3, "caption": "Ein Hündchen"},
    ],
}
KARPATHY = {
    "dataset": "flickr8k",
    "images": [
        {
            "filename": "b.jpg",
            "split": "train",
            "sentences": [{"raw": "A dog, running.", "tokens": ["a"]}, {"raw": "Ein Hündchen"}],
        },
        {"filename": "a.jpg", "split": "val", "sentences": [{"raw": 'A "cat"'}]},
    ],
}
FORMATS = {
    "Flickr8k.token.txt": 'b.jpg#0\tA dog, running.\na.jpg#0\tA "cat"\r\nb.jpg#1\tEin Hündchen\n',
    "tokens": 'b.jpg#0\tA dog, running.\na.jpg#0\tA "cat"\n\nb.jpg#12\t Ein Hündchen \n',
    "coco.json": json.dumps(COCO),
    "karpathy.JSON": json.dumps(KARPATHY),
    "header.tsv": 'id\tCaption\timage\n1\tA dog, running.\tb.jpg\n2\tA "cat"\ta.jpg\n\tEin Hündchen\tb.jpg\n',
    "plain.tsv": 'b.jpg\tA dog, running.\na.jpg\tA "cat"\nb.jpg\tEin Hündchen\n',
    "table.csv": 'image,caption\nb.jpg,"A dog, running."\na.jpg,"A ""cat"""\n\nb.jpg,Ein Hündchen\n',
    "kaggle.txt": 'image,caption\nb.jpg,"A dog, running."\na.jpg,"A ""cat"""\nb.jpg,Ein Hündchen\n',
    "records.jsonl": '{"image": "b.jpg", "captions": ["A dog, running.", "Ein Hündchen"]}\n'
    '\n{"image": "a.jpg", "caption": "A \\"cat\\"", "score": 1}\n',
}
EXPECTED = [
    CaptionedImage(Path("photos/b.jpg"), ("A dog, running.", "Ein Hündchen"), "de"),
    CaptionedImage(Path("photos/a.jpg"), ('A "cat"',), "de"),
]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("is_packed", [False, True])
def test_every_format_gives_the_same_records(tmp_path: Path, name: str, is_packed: bool) -> None:
    path = tmp_path / (name + ".gz" * is_packed)
    content = FORMATS[name].encode()
    path.write_bytes(gzip.compress(content) if is_packed else content)
    assert read_captions(path, Path("photos"), language="de") == EXPECTED


def test_names_select_and_order(tmp_path: Path) -> None:
    captions = tmp_path / "captions.tsv"
    captions.write_text("a.jpg\tone\nb.jpg\ttwo\nc.jpg\tthree\na.jpg\tfour\n")
    names = tmp_path / "names.txt"
    names.write_text("c.jpg\r\n\na.jpg\nc.jpg\n")
    assert read_captions(captions, Path(), names=names) == [
        CaptionedImage(Path("c.jpg"), ("three",)),
        CaptionedImage(Path("a.jpg"), ("one", "four")),
    ]


def test_split_and_folder_of_karpathy_files(tmp_path: Path) -> None:
    path = tmp_path / "dataset.json"
    sentences = [{"raw": "one"}]
    path.write_text(
        json.dumps(
            {
                "images": [
                    {"filename": "a.jpg", "filepath": "val2014", "split": "val", "sentences": sentences},
                    {
                        "filename": "b.jpg",
                        "filepath": "train2014",
                        "split": "restval",
                        "sentences": sentences,
                    },
                ]
            }
        )
    )
    assert [record.image for record in read_captions(path, Path("coco"), split="val")] == [
        Path("coco/val2014/a.jpg")
    ]
    assert len(read_captions(path, Path("coco"))) == 2
    with pytest.raises(InputError, match="has no split 'test'; it has restval, val"):
        read_captions(path, Path("coco"), split="test")


def test_missing_images_are_found_but_no_error(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    captions = tmp_path / "captions.csv"
    captions.write_text("image,caption\nb.jpg,two\na.jpg,one\n")
    assert missing_images(read_captions(captions, tmp_path)) == [tmp_path / "b.jpg"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "x.txt",
            "a.jpg#0\tone\na.jpg two\n",
            r"x.txt, line 2: expected NAME#NUMBER<TAB>CAPTION, got 'a.jpg two'",
        ),
        ("x.txt", "a.jpg#0\tone\na.jpg#1\t \n", r"x.txt, line 2: the caption is empty"),
        (
            "x.tsv",
            "a.jpg\tone\nb.jpg\ttwo\tthree\n",
            r"x.tsv, line 2: expected 2 columns \(image, caption\), got 3",
        ),
        ("x.tsv", "a.jpg\tone\n\ttwo\n", r"x.tsv, line 2: the image name is empty"),
        ("x.csv", "a.jpg,one\n", r"x.csv, line 1: expected a header with columns image and caption"),
        ("x.csv", "image,caption\na.jpg,one,two\n", r"x.csv, line 2: expected 2 columns .* got 3"),
        ("x.csv", 'image,caption\na.jpg,"one\n', r"x.csv, line 2: unexpected end of data; check the quotes"),
        (
            "x.jsonl",
            '{"image": "a.jpg", "caption": "one"}\n{"image"\n',
            r"x.jsonl, line 2: expected a JSON record",
        ),
        (
            "x.jsonl",
            '{"image": "a.jpg"}\n',
            r"x.jsonl, line 1: expected an object whose 'caption' is of type str",
        ),
        (
            "x.jsonl",
            '{"image": "a.jpg", "captions": "one"}',
            r"x.jsonl, line 1: .*'captions' is of type list",
        ),
        ("x.jsonl", '{"image": "a.jpg", "captions": [1]}', r"x.jsonl, line 1: .*caption.* of type str"),
        ("x.json", '{"images": []}', r"x.json has no captions; expected a Flickr8k"),
        ("x.json", "[]", r"x.json: expected an object whose 'images' is of type list"),
        ("x.json", '{"images": [{"filename": "a"}]}', r"x.json, images\[0\]: .*'split' is of type str"),
        (
            "x.json",
            '{"images": [], "annotations": [{"image_id": 3, "caption": "one"}]}',
            r"x.json, annotations\[0\]: image_id 3 is not among the file's images",
        ),
        ("x.txt", "", r"x.txt .*expected a Flickr8k"),
        ("x.csv", "image,caption\n", r"x.csv has no captions"),
        ("x.md", "# Captions\n", r"x.md is of no known format; expected a Flickr8k token file"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        read_captions(tmp_path / name, tmp_path)
    assert "\n" not in str(caught.value)


def test_bad_choices(tmp_path: Path) -> None:
    captions = tmp_path / "captions.tsv"
    captions.write_text("a.jpg\tone\n")
    names = tmp_path / "names.txt"
    names.write_text("a.jpg\nb.jpg\n")
    with pytest.raises(InputError, match=r"names.txt, line 2: 'b.jpg' has no captions in .*captions.tsv"):
        read_captions(captions, tmp_path, names=names)
    names.write_text("\n")
    with pytest.raises(InputError, match=r"names.txt has no names"):
        read_captions(captions, tmp_path, names=names)
    with pytest.raises(InputError, match=r"captions.tsv has no splits to choose 'val' from"):
        read_captions(captions, tmp_path, split="val")


def test_real_flickr8k() -> None:
    folder = Path("../shared/data/flickr8k")
    if not folder.is_dir():
        pytest.skip("Flickr8k is not in ../shared/data/flickr8k")
    english = read_captions(
        folder / "Flickr8k.token.txt", folder / "images", names=folder / "Flickr_8k.devImages.txt"
    )
    assert [len(record.captions) for record in english] == [5] * 1000
    assert english[0].image.name == "2090545563_a4e66ec76b.jpg"
    assert missing_images(english) == []
    german = read_captions(folder / "captions.de.tsv", folder / "images", language="de")
    assert sum(len(record.captions) for record in german) == 32_720
