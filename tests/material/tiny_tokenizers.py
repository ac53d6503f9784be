"""Small tokenizers in the formats that today's pipelines come with: T5's, Qwen's, and two processors."""

from __future__ import annotations

from typing import Any

_WORDS = [
    *("a", "photo", "of", "the", "dog", "vase", "cat", "in", "on", "with", "jungle", "snow", "beach", "red"),
    *("purple", "wet", "shiny", "cube", "shaped"),
]
_CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}{{ part['text'] }}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_MARKS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_VISION = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
#: Tokens of all of these vocabularies: ids are below it.
VOCABULARY = 400


def build_t5() -> Any:
    """Return a T5 tokenizer of letters and a few words (a unigram model, as SentencePiece's)."""
    from transformers import T5TokenizerFast

    letters = [chr(code) for code in range(33, 127)]
    pieces = ["<pad>", "</s>", "<unk>", "▁", *letters, *(f"▁{word}" for word in _WORDS)]
    vocabulary = [(piece, 0.0 if number < 3 else -float(number)) for number, piece in enumerate(pieces)]
    return T5TokenizerFast(vocab=vocabulary, extra_ids=0, model_max_length=512)


def _byte_level() -> tuple[dict[str, int], list[tuple[str, str]]]:
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    merges = [(left, right) for left in "Ġ" for right in "acdopstvw"] + [
        ("d", "o"),
        ("do", "g"),
        ("Ġ", "dog"),
    ]
    pieces = [*letters, *(left + right for left, right in merges)]
    return {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}, merges


def build_qwen() -> Any:
    """Return a Qwen tokenizer: byte-level pairs, the marks of a chat, and its template."""
    from transformers import Qwen2TokenizerFast

    vocabulary, merges = _byte_level()
    tokenizer = Qwen2TokenizerFast(vocab=vocabulary, merges=merges, model_max_length=1024)
    tokenizer.add_special_tokens({"additional_special_tokens": list(_MARKS)})
    tokenizer.chat_template = _CHAT
    return tokenizer


def build_qwen_vl() -> Any:
    """Return the processor of Qwen 2-VL: its tokenizer, and images of at most 4 tokens of 28 pixels."""
    from transformers import Qwen2VLImageProcessor, Qwen2VLProcessor, Qwen2VLVideoProcessor

    tokenizer = build_qwen()
    tokenizer.add_special_tokens({"additional_special_tokens": [*_MARKS, *_VISION]})
    size = {"shortest_edge": 28 * 28, "longest_edge": 56 * 56}
    return Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessor(size=size),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(),
        chat_template=_CHAT,
    )


def build_mistral() -> Any:
    """Return a Mistral 3 processor: a byte-level tokenizer, an image processor, and the chat's template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PixtralImageProcessor, PixtralProcessor, PreTrainedTokenizerFast

    vocabulary, merges = _byte_level()
    model = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = decoders.ByteLevel()
    images = ("[IMG]", "[IMG_BREAK]", "[IMG_END]")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=model, pad_token=_MARKS[0], eos_token=_MARKS[2], model_max_length=512
    )
    tokenizer.add_special_tokens({"additional_special_tokens": [*_MARKS, *images]})
    return PixtralProcessor(
        image_processor=PixtralImageProcessor(), tokenizer=tokenizer, patch_size=16, chat_template=_CHAT
    )
