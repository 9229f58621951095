"""A text that a language model has read and can go on with at once."""

from dataclasses import dataclass

import torch
from torch import Tensor

from common.decoder import Decoder, DecoderState
from common.tokenizer import Tokenizer


@dataclass(frozen=True)
class Draft:
    """A text, and what the model knows after it.

    Attributes:
        text: All of it, also what the model has never seen and passes over.
        ids: Its tokens after a beginning token, without those that the model does not know.
        state: After all of ``ids`` but the last, which whoever goes on reads first.
    """

    text: str
    ids: tuple[int, ...]
    state: DecoderState

    @property
    def last(self) -> Tensor:
        """The one token still to be read, int64 (1, 1)."""
        return torch.tensor([self.ids[-1:]], device=self.state.hidden[0][0].device)


@torch.inference_mode()
def read_draft(decoder: Decoder, tokenizer: Tokenizer, text: str, before: Draft | None = None) -> Draft:
    """Read ``text``, which goes on from a draft if there is one ``before`` it.

    The draft is not read again, unless the two together make other tokens than each alone, as
    "sno" and "w" do for a model of words.
    """
    whole = before.text + text if before else text
    known = (token for token in tokenizer.encode(whole) if token != Tokenizer.UNK)
    ids = (Tokenizer.BOS, *known)
    if before and ids[: len(before.ids)] == before.ids:
        place, state = len(before.ids) - 1, before.state
    else:
        place, state = 0, decoder.start_empty(1)
    if unread := ids[place:-1]:
        _, state, _ = decoder.read(torch.tensor([unread], device=decoder.bias.device), state)
    return Draft(whole, ids, state)
