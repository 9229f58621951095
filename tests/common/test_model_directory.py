import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from common import model_directory
from common.decoder import DecoderConfig
from common.errors import InputError
from common.generation.model import LanguageModel, LanguageModelConfig
from common.tokenizer import Tokenizer


@pytest.fixture
def model():
    torch.manual_seed(1)
    tokenizer = Tokenizer.train("character", ["to be or not to be"])
    decoder = DecoderConfig(len(tokenizer), embedding_size=8, hidden_size=16, layers=2)
    return LanguageModel(LanguageModelConfig(decoder), tokenizer).eval()


def logits(model):
    tokens = torch.arange(model.config.decoder.vocabulary_size).unsqueeze(0)
    with torch.no_grad():
        return model.decoder(tokens, model.decoder.start_empty(1))[0]


def test_float32_comes_back_to_the_bit(model, tmp_path):
    model.save(tmp_path / "model")
    again = LanguageModel.load(tmp_path / "model", device="cpu")
    assert torch.equal(logits(again), logits(model))
    assert again.config == model.config
    assert not again.training
    assert {entry.name for entry in (tmp_path / "model").iterdir()} == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    }


def test_bfloat16_keeps_eight_bits_of_each_weight(model, tmp_path):
    model.save(tmp_path / "model", "bfloat16")
    again = LanguageModel.load(tmp_path / "model", device="cpu").state_dict()
    for name, tensor in model.state_dict().items():
        assert again[name].dtype == torch.float32
        assert torch.equal(again[name], tensor.bfloat16().float())


def test_int8_is_off_by_half_a_step_of_its_row_at_most(model, tmp_path):
    model.save(tmp_path / "model", "int8")
    again = LanguageModel.load(tmp_path / "model", device="cpu").state_dict()
    for name, tensor in model.state_dict().items():
        if tensor.ndim < 2:
            assert torch.equal(again[name], tensor)
            continue
        step = tensor.flatten(1).abs().amax(1, keepdim=True) / 127
        error = (again[name] - tensor).flatten(1).abs()
        assert (error <= step * 0.5001).all()
        assert error.max() > 0  # it was rounded


def test_smaller_storage_makes_smaller_files(model, tmp_path):
    sizes = []
    for storage in ("float32", "bfloat16", "int8"):
        model.save(tmp_path / storage, storage)
        sizes.append(sum(t.nbytes for t in load_file(tmp_path / storage / "model.safetensors").values()))
    assert sizes[1] * 2 == sizes[0]
    assert sizes[2] < sizes[1]


def test_filters_of_zeros_and_counters_survive_int8(tmp_path, model):
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    with torch.no_grad():
        network[0].weight[1] = 0
    network[1].num_batches_tracked += 7
    weights = network.state_dict()
    model_directory.save_model(tmp_path / "model", "network", {}, weights, model.tokenizer, "int8")
    again = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    model_directory.load_weights(tmp_path / "model", again)
    assert torch.equal(again[0].weight[1], torch.zeros(3, 3, 3))
    assert again[1].num_batches_tracked == 7
    step = float(network[0].weight.detach().abs().max()) / 127
    assert torch.allclose(again[0].weight, network[0].weight, rtol=0, atol=step)


def test_saving_again_replaces_all_but_the_card(model, tmp_path):
    directory = tmp_path / "model"
    model.save(directory)
    (directory / "README.md").write_text("# A model\n")
    with torch.no_grad():
        model.decoder.bias += 1
    model.save(directory)
    assert torch.equal(logits(LanguageModel.load(directory, device="cpu")), logits(model))
    assert (directory / "README.md").read_text() == "# A model\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_a_card_may_be_there_before_the_model(model, tmp_path):
    (tmp_path / "README.md").write_text("# A model\n")
    directory = tmp_path.rename(tmp_path.with_name("model"))
    model.save(directory)
    assert (directory / "README.md").exists()
    LanguageModel.load(directory, device="cpu")


def test_a_failing_save_leaves_the_old_model(model, tmp_path, monkeypatch):
    directory = tmp_path / "model"
    model.save(directory)
    before = {entry.name: entry.read_bytes() for entry in directory.iterdir()}

    def fail(*_):
        raise OSError(28, "No space left on device")

    with torch.no_grad():
        model.decoder.bias += 1
    with monkeypatch.context() as patch:
        patch.setattr(model.tokenizer, "save", fail)
        with pytest.raises(OSError, match="No space"):
            model.save(directory)
    assert {entry.name: entry.read_bytes() for entry in directory.iterdir()} == before
    model.save(directory)  # what the failed one left behind is no obstacle
    assert torch.equal(logits(LanguageModel.load(directory, device="cpu")), logits(model))


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_saving_never_replaces_what_is_no_model(model, tmp_path, kind):
    directory = tmp_path / "photographs"
    if kind == "folder":
        directory.mkdir()
        kept = directory / "a.jpg"
    else:
        kept = directory
    kept.write_text("dear")
    with pytest.raises(InputError, match="photographs: is no model directory"):
        model.save(directory)
    assert kept.read_text() == "dear"


def change_config(directory, **changes):
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def change_weights(directory, change):
    path = directory / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def other_tokenizer(directory):
    Tokenizer.train("character", ["abc"]).save(directory / "tokenizer.json")


DAMAGES = {
    "no config": (lambda d: (d / "config.json").unlink(), r"model: not a model directory \(it has no config"),
    "config cut": (lambda d: truncate(d / "config.json"), r"config\.json: damaged"),
    "config not UTF-8": (lambda d: (d / "config.json").write_bytes(b"\xff\xfe"), r"config\.json: damaged"),
    "config a list": (lambda d: (d / "config.json").write_text("[1]"), r"config\.json: damaged"),
    "config empty": (lambda d: (d / "config.json").write_text("{}"), r"config\.json: damaged"),
    "format no number": (lambda d: change_config(d, format="new"), r"config\.json: damaged"),
    "other kind": (
        lambda d: change_config(d, kind="captioner"),
        r"model: holds a captioner, but a language-mod",
    ),
    "newer": (lambda d: change_config(d, format=99), r"model: has format 99, newer than .*; update inwords"),
    "unknown setting": (
        lambda d: change_config(d, decodr={}),
        r"config\.json: unknown setting decodr; did you",
    ),
    "no decoder": (lambda d: change_config(d, decoder=None), r"config\.json: decoder must be a section"),
    "wrong decoder": (
        lambda d: change_config(d, decoder={"vocabulary_size": 9, "layers": 0}),
        r"config\.json: decoder: layers must be at least 1",
    ),
    "other shape": (
        lambda d: change_config(d, decoder={"vocabulary_size": 11, "embedding_size": 8, "hidden_size": 32}),
        r"model\.safetensors: does not fit its config\.json: decoder\S* is \[.*\] instead of \[",
    ),
    "no weights": (lambda d: (d / "model.safetensors").unlink(), r"model\.safetensors: missing; copy"),
    "weights cut": (lambda d: truncate(d / "model.safetensors"), r"model\.safetensors: damaged"),
    "weights empty": (lambda d: (d / "model.safetensors").write_bytes(b""), r"model\.safetensors: damaged"),
    "weights a folder": (
        lambda d: ((d / "model.safetensors").unlink(), (d / "model.safetensors").mkdir()),
        r"model\.safetensors: damaged",
    ),
    "a weight missing": (
        lambda d: change_weights(d, lambda tensors: tensors.pop("decoder.bias")),
        r"model\.safetensors: does not fit .*decoder\.bias is missing; copy the model",
    ),
    "a weight too many": (
        lambda d: change_weights(d, lambda tensors: tensors.update(extra=torch.zeros(1))),
        r"model\.safetensors: does not fit .*extra is none of the model's weights; copy the model",
    ),
    "no tokenizer": (lambda d: (d / "tokenizer.json").unlink(), r"tokenizer\.json: No such file"),
    "tokenizer cut": (lambda d: truncate(d / "tokenizer.json"), r"tokenizer\.json: damaged"),
    "other tokenizer": (
        other_tokenizer,
        r"tokenizer\.json: does not fit its config\.json: it has 7 tokens, not 11",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_directories(model, tmp_path, damage):
    directory = tmp_path / "model"
    model.save(directory)
    change, message = DAMAGES[damage]
    change(directory)
    with pytest.raises(InputError, match=message) as raised:
        LanguageModel.load(directory, device="cpu")
    assert "\n" not in str(raised.value)
    assert str(directory) in str(raised.value)


def test_a_missing_directory(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such model directory; see `inwords models`"):
        LanguageModel.load(tmp_path / "nowhere")


def test_a_device_that_is_not_there(model, tmp_path):
    model.save(tmp_path / "model")
    with pytest.raises(InputError, match="device warp: not available on this machine; use cpu"):
        LanguageModel.load(tmp_path / "model", device="warp")


def test_loading_takes_the_shape_from_the_directory(model, tmp_path):
    shape = LanguageModelConfig(replace(model.config.decoder, cell="gru", layers=1))
    LanguageModel(shape, model.tokenizer).save(tmp_path / "model")
    assert LanguageModel.load(tmp_path / "model", device="cpu").config == shape
