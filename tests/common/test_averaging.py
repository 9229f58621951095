import pytest
import torch

from common.averaging import average_models
from common.decoder import DecoderConfig
from common.errors import InputError
from common.generation.model import LanguageModel, LanguageModelConfig
from common.model_directory import read_weights, save_model
from common.tokenizer import Tokenizer


def make(seed, text="to be or not to be", hidden_size=16):
    torch.manual_seed(seed)
    tokenizer = Tokenizer.train("character", [text])
    decoder = DecoderConfig(len(tokenizer), embedding_size=8, hidden_size=hidden_size, layers=2)
    return LanguageModel(LanguageModelConfig(decoder), tokenizer).eval()


@pytest.fixture
def three(tmp_path):
    models = [make(seed) for seed in range(3)]
    folders = [tmp_path / f"model-{seed}" for seed in range(3)]
    for model, folder in zip(models, folders, strict=True):
        model.save(folder)
    return models, folders


def test_the_mean_counts_each_as_told(three, tmp_path):
    models, folders = three
    average_models(folders, [2, 1, 1], tmp_path / "mean", "float32")
    mean = LanguageModel.load(tmp_path / "mean", device="cpu")
    for name, weight in mean.state_dict().items():
        first, second, third = (model.state_dict()[name] for model in models)
        assert torch.allclose(weight, (2 * first + second + third) / 4, atol=1e-6), name
    assert mean.config == models[0].config
    assert mean.tokenizer.encode("to be") == models[0].tokenizer.encode("to be")


def test_the_command_counts_all_equally_and_keeps_a_card(three, call, tmp_path):
    models, folders = three
    models[0].save(tmp_path / "mean")
    (tmp_path / "mean/README.md").write_text("# The mean")
    for folder in folders:
        (folder / "README.md").write_text("# A model")
        (folder / "more.safetensors").write_text(folder.name)
        (folder / "scraps").mkdir()  # is left where it is
    outcome = call("average", *folders, "--output", tmp_path / "mean")
    assert (outcome.status, outcome.lines) == (0, [str(tmp_path / "mean")])
    weight = LanguageModel.load(tmp_path / "mean", device="cpu").decoder.bias
    assert torch.equal(weight, sum(m.decoder.bias.detach() for m in models).div(3).bfloat16().float())
    assert (tmp_path / "mean/README.md").read_text() == "# The mean"
    assert (tmp_path / "mean/more.safetensors").read_text() == folders[0].name


def test_a_mean_of_one_with_itself_in_8_bits_is_itself(three, tmp_path):
    three[0][0].save(tmp_path / "whole", "int8")
    average_models([tmp_path / "whole"] * 2, [0.3, 0.3], tmp_path / "mean", "int8")
    one, other = (LanguageModel.load(tmp_path / name, device="cpu") for name in ("whole", "mean"))
    for name, weight in one.state_dict().items():
        assert torch.allclose(weight, other.state_dict()[name], atol=1e-6), name


def test_a_token_is_written_where_all_models_write_it(tmp_path):
    tokenizer = make(0).tokenizer
    for number, written in enumerate([[True, True, False, False], [True, False, True, False]]):
        state = {"weight": torch.ones(1), "vocabularies": torch.tensor(written)}
        save_model(tmp_path / str(number), "any", {}, state, tokenizer, "float32")
    average_models([tmp_path / "0", tmp_path / "1"], [1, 1], tmp_path / "mean", "int8")
    assert read_weights(tmp_path / "mean")["vocabularies"].tolist() == [True, False, False, False]


def test_whole_numbers_are_those_of_the_first(tmp_path):
    tokenizer = make(0).tokenizer
    for count in (3, 8):
        network = torch.nn.BatchNorm2d(4)
        network.num_batches_tracked += count
        config = {"decoder": {"vocabulary_size": len(tokenizer)}}
        save_model(tmp_path / str(count), "network", config, network.state_dict(), tokenizer, "int8")
    average_models([tmp_path / "3", tmp_path / "8"], [1, 1], tmp_path / "mean", "int8")
    assert read_weights(tmp_path / "mean")["num_batches_tracked"] == 3


@pytest.mark.parametrize(
    ("other", "differing"),
    [
        ({"text": "to be or not to bee."}, "vocabulary"),
        ({"text": "or not to xx"}, "vocabulary"),
        ({"hidden_size": 24}, "shape"),
    ],
)
def test_what_is_not_of_one_origin_is_told(three, tmp_path, other, differing):
    make(5, **other).save(tmp_path / "other")
    with pytest.raises(InputError, match=f"other: is of another {differing} than .*model-0"):
        average_models([three[1][0], tmp_path / "other"], [1, 1], tmp_path / "mean", "float32")
    assert not (tmp_path / "mean").exists()


def test_another_kind_is_told(three, call, tmp_path):
    config = three[1][0] / "config.json"
    (three[1][1] / "config.json").write_text(config.read_text().replace("language-model", "translator"))
    outcome = call("average", *three[1], "--output", tmp_path / "mean")
    assert outcome.status == 1
    first, second, _ = three[1]
    assert f"{second}: is of another kind than {first}; give models trained from the same" in outcome.err


@pytest.mark.parametrize(
    "shares", [["1"], ["1", "2"], ["1", "-1", "0"], ["1", "nan", "1"], ["inf", "1", "1"]]
)
def test_shares_that_do_not_fit(three, call, tmp_path, shares):
    outcome = call("average", *three[1], "--output", tmp_path / "mean", "--shares", *shares)
    assert outcome.status == 1
    assert "3 models need 3 shares whose sum is a number other than 0" in outcome.err


def test_no_model(three, call, tmp_path):
    outcome = call("average", three[1][0], tmp_path / "none", "--output", tmp_path / "mean")
    assert outcome.status == 1
    assert f"{tmp_path / 'none'}: no such model directory" in outcome.err
