"""Where the public collections lie, and the checksums of their files."""

from collections.abc import Iterable

from data.download import RemoteFile

MULTI30K_LANGUAGES = ("en", "de", "fr", "cs")
# SHA-256 of the uncompressed text. Writing the English and German of train and
# test_2016_flickr as JSONL gives, to the byte, the checksums known of the files on
# Hugging Face, which therefore serve as a mirror. Their val gives another one.
_MULTI30K = {
    "train.en": "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
    "train.de": "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72",
    "train.fr": "5925a3c18f1587b6b54b87743106e6e8ab93618edb6f65d19eac0621f853a10d",
    "train.cs": "2be68b38c8d586ff4f54eb13cc6e1baaaa053695b3f070d3038303a47f2268da",
    "val.en": "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227",
    "val.de": "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660",
    "val.fr": "5304e444d842e962b2dda4d816b70b22a1765b15401642b7ca37a67477e708dc",
    "val.cs": "d53827e469b0a1ca8d57e9e26b2b64c4bc4b33f5479c7b03ae87ae5c882c3e33",
    "test_2016_flickr.en": "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182",
    "test_2016_flickr.de": "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16",
    "test_2016_flickr.fr": "cb3160d69b002bb638e66cc7612fcd56cb0af82eadc9c142dedc438afb885ef6",
    "test_2016_flickr.cs": "45adb85f688de8407fddcbe1b36dca15d12aab868149b337e2576f2d6d2ff8d8",
}
_MULTI30K_FOLDERS = (
    "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw/",
    "https://cdn.jsdelivr.net/gh/multi30k/dataset@master/data/task1/raw/",
)
_MULTI30K_JSONL = "https://huggingface.co/datasets/bentrevett/multi30k/resolve/main/"
_MULTI30K_JSONL_NAMES = {"train": "train.jsonl", "test_2016_flickr": "test.jsonl"}

_FLICKR8K_FOLDERS = (
    "https://github.com/jbrownlee/Datasets/releases/download/Flickr8k/",
    # The authors' own page, which has been offline for years; should it return, it counts.
    "http://nlp.cs.illinois.edu/HockenmaierGroup/Framing_Image_Description/",
)
# No SHA-256 of these archives is published. The MD5 are those that torchvision for
# R and others check: enough against accidents, not against a forger.
_FLICKR8K = {
    "Flickr8k_text.zip": "bf6c1abcb8e4a833b7f922104de18627",
    "Flickr8k_Dataset.zip": "f18a1e2920de5bd84dae7cf08ec78978",
}


def multi30k(languages: Iterable[str] = MULTI30K_LANGUAGES) -> list[RemoteFile]:
    """List the files of Multi30k's task 1: ``train``, ``val`` and ``test_2016_flickr`` in some languages.

    29,000, 1,014 and 1,000 lines; line N of a split says the same in every language.
    Elliott et al., 2016, arXiv:1605.00459; French and Czech: Elliott et al., 2017,
    and Barrault et al., 2018.
    """
    return [
        _multi30k_file(split, language)
        for split in ("train", "val", "test_2016_flickr")
        for language in languages
    ]


def flickr8k() -> list[RemoteFile]:
    """List the archives of Flickr8k: 8,000 photographs with five English captions each, 1.1 GB.

    Hodosh, Young and Hockenmaier, 2013, doi:10.1613/jair.3994.
    """
    return [
        RemoteFile(name, f"md5:{digest}", tuple(folder + name for folder in _FLICKR8K_FOLDERS))
        for name, digest in _FLICKR8K.items()
    ]


def _multi30k_file(split: str, language: str) -> RemoteFile:
    name = f"{split}.{language}.gz"
    mirrors = [folder + name for folder in _MULTI30K_FOLDERS]
    if split in _MULTI30K_JSONL_NAMES and language in ("en", "de"):
        mirrors.append(f"{_MULTI30K_JSONL}{_MULTI30K_JSONL_NAMES[split]}#{language}")
    return RemoteFile(name, f"sha256:{_MULTI30K[f'{split}.{language}']}", tuple(mirrors))
