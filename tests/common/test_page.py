import pytest

from common.errors import InputError
from common.page import check_path, write_explanation
from common.picture import Picture


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.pdf", r"a\.pdf: an explanation is \.html, \.png, \.svg; choose"),
        ("a", "a: an explanation is"),
        ("none/a.html", r"none/a\.html: cannot be written \(no such folder\); choose another file"),
    ],
)
def test_bad_paths_are_found_before_any_work(tmp_path, name, message):
    with pytest.raises(InputError, match=message):
        check_path(tmp_path / name)


def test_only_what_the_suffix_asks_for_is_made(tmp_path):
    def never():
        raise AssertionError

    write_explanation(tmp_path / "a.HTML", lambda: "page", never)
    assert (tmp_path / "a.HTML").read_text(encoding="utf-8") == "page"
    write_explanation(tmp_path / "a.svg", never, lambda: Picture(10, 10))
    assert (tmp_path / "a.svg").read_bytes().startswith(b"<svg")
    write_explanation(tmp_path / "a.png", never, lambda: Picture(10, 10))
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_errors_name_the_file(tmp_path):
    with pytest.raises(InputError, match=r"a\.png: too much for one PNG; choose \.html or \.svg"):
        write_explanation(tmp_path / "a.png", str, lambda: Picture(10, 100_000))
    (tmp_path / "b.svg").mkdir()
    with pytest.raises(InputError, match=r"b\.svg: cannot be written .*; choose another file"):
        write_explanation(tmp_path / "b.svg", str, lambda: Picture(10, 10))
