"""What the trainers of TRL share here: the clock of a step, and the tokenizer of the models (a character a token)."""
import time
from contender import milliseconds_since
from transformers import PreTrainedTokenizerFast, TrainerCallback


class Clock(TrainerCallback):
    """The step alone, without what train() sets up and tears down."""

    def on_step_begin(self, *_, **__):
        self.started = time.perf_counter()

    def on_step_end(self, *_, **__):
        self.milliseconds = milliseconds_since(self.started)


def tokenizer_of(folder):
    stop, pad = chr(0x3400), chr(0x3401)
    return PreTrainedTokenizerFast(tokenizer_file=str(folder / "student" / "tokenizer.json"), eos_token=stop, pad_token=pad)
