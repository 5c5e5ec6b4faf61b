"""Mutations of a request that need not leave a trace, by path pattern, with a reason.

Patterns are those of :func:`.mutations.pattern`. An entry holds for all values, or
for one: a default that is said aloud says nothing.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from aigw_core.chat import Format

_C, _M, _R, _G = Format.CHAT, Format.MESSAGES, Format.RESPONSES, Format.GEMINI

DEFAULT = "the value is what holds when the field is absent"
TWICE = "the same thinking stands in several fields of the message; the others still tell it"
SHAPE = "the fields beside it say the same: what they are follows from them"
PLACE = "the place in the list says the same"
SEALS = "sealed reasoning always comes back from the gateway, asked for or not"
ORDER = "the order of the properties says the same"
NO_FUNCTIONS = "there are no functions to choose from"
ANY_HOLDS = "a forced call keeps to the schema anyway"
UNKNOWN_DETAIL = "a word for detail that nobody knows means the default"
ROLE = "a system instruction has no role"
COUNTED = "the number of log probabilities asks for them too"
TEXT_ONLY = "an unknown modality beside text: text comes in any case"
MARK = "the mark is there or not; it has one mode"
URL_TYPE = "the end of the address says the same"
LEFT_OUT = "the choice of tools leaves it out, and the ledger has an entry for that"
SAME_TURN = "items of one turn share its pointer: the search before it is dropped by the same entry"
EMPTY_CALL = "no arguments are an empty object"


class Silent(Struct, frozen=True):
    client: Format
    pattern: str
    """A regular expression for the whole of it."""
    reason: str
    what: str = "deleted|changed"
    values: tuple[Any, ...] | None = None
    upstream: Format | None = None


SILENT = (
    # Chat Completions
    Silent(_C, r"/messages\[assistant\]/reasoning(_content|_details.*)?", TWICE),
    Silent(_C, r"/messages\[assistant\]/tool_calls\[function\]/index", PLACE),
    Silent(_C, r"/messages\[assistant\]/tool_calls\[function\]/type", SHAPE, "deleted"),
    Silent(_C, r"/tools\[function\]/type", SHAPE, "deleted"),
    Silent(_C, r"/tool_choice/type", SHAPE),
    Silent(_C, r"/function_call", NO_FUNCTIONS),
    Silent(_C, r".*/image_url/detail", DEFAULT, "deleted", ("auto",)),
    Silent(_C, r".*/image_url/detail", UNKNOWN_DETAIL, "changed", ("auto",)),
    Silent(_C, r".*/file/filename", DEFAULT, "deleted", ("document.pdf",)),
    Silent(_C, r".*/function/arguments", EMPTY_CALL, "deleted", ("{}",)),
    Silent(_C, r"/tool_choice", DEFAULT, "deleted", ("auto",)),
    Silent(_C, r"/tools\[function\]/function/strict", ANY_HOLDS, upstream=_G),
    Silent(_C, r"/response_format", DEFAULT, "deleted", ({"type": "text"},)),
    Silent(_C, r"/n", DEFAULT, "deleted", (1,)),
    Silent(_C, r"/parallel_tool_calls", DEFAULT, "deleted", (True,)),
    Silent(_C, r"/(frequency|presence)_penalty", DEFAULT, "deleted", (0, 0.0)),
    # Messages
    Silent(_M, r"/thinking/display", DEFAULT, "deleted", ("summarized",)),
    Silent(_M, r"/tool_choice", DEFAULT, "deleted", ({"type": "auto"},)),
    Silent(_M, r"/tools\[\*\]/strict", ANY_HOLDS, upstream=_G),
    # Responses
    Silent(_R, r"/include(\[str\])?", SEALS, "deleted"),
    Silent(_R, r"/input\[message\]/type", SHAPE, "deleted"),
    Silent(_R, r"/input\[function_call\]/arguments", EMPTY_CALL, "deleted", ("{}",)),
    Silent(_R, r".*\[input_image\]/detail", DEFAULT, "deleted", ("auto",)),
    Silent(_R, r".*\[input_image\]/detail", UNKNOWN_DETAIL, "changed", ("auto",)),
    Silent(_R, r".*/prompt_cache_breakpoint/mode", MARK),
    Silent(_R, r"/input\[tool_search_output\].*", SAME_TURN),
    Silent(_R, r"/tools\[function\](/.*)?", LEFT_OUT, upstream=_M),
    Silent(_R, r"/tools\[function\]/strict", ANY_HOLDS, upstream=_G),
    Silent(_R, r"/parallel_tool_calls", DEFAULT, "deleted", (True,)),
    Silent(_R, r"/(service_tier|tool_choice)", DEFAULT, "deleted", ("auto",)),
    Silent(_R, r"/text", DEFAULT, "deleted", ({"format": {"type": "text"}},)),
    Silent(_R, r"/text/format", DEFAULT, "deleted", ({"type": "text"},)),
    # Gemini
    Silent(_G, r"/system_?[iI]nstruction/role", ROLE),
    Silent(_G, r"/contents\[(user|model)\]/role", SHAPE, "deleted"),
    Silent(_G, r".*/(fileData/mimeType|file_data/mime_type)", URL_TYPE, "deleted"),
    Silent(_G, r"/generationConfig/candidateCount", DEFAULT, "deleted", (1,)),
    Silent(_G, r"/generationConfig/response(MimeType|_mime_type)", SHAPE, "deleted"),
    Silent(
        _G,
        r"/generationConfig",
        DEFAULT,
        "deleted",
        ({"responseModalities": ["TEXT"]}, {"candidateCount": 1}),
    ),
    Silent(_G, r"/generationConfig/responseModalities", DEFAULT, "deleted", (["TEXT"],)),
    Silent(_G, r"/generationConfig/responseModalities\[str\]", DEFAULT, "deleted", ("TEXT",)),
    Silent(_G, r"/generationConfig/responseModalities\[str\]", TEXT_ONLY, "changed", ("TEXT",)),
    Silent(_G, r"/generationConfig/responseLogprobs", COUNTED),
    Silent(_G, r".*/\*\*/propertyOrdering", ORDER),
    Silent(_G, r"/toolConfig/functionCallingConfig/mode", DEFAULT, "deleted", ("AUTO",)),
)


def which(client: Format, upstream: Format, pattern: str, what: str, value: Any) -> int | None:
    """Which entry of :data:`SILENT` a mutation without a trace falls under, -1 when it
    said nothing; ``None``: it should have left one."""
    if what == "deleted" and says_nothing(value):
        return -1
    for number, entry in enumerate(SILENT):
        if (
            entry.client is client
            and entry.upstream in (None, upstream)
            and re.fullmatch(entry.pattern, pattern)
            and re.fullmatch(entry.what, what)
            and (entry.values is None or value in entry.values)
        ):
            return number
    return None


def says_nothing(value: Any) -> bool:
    if isinstance(value, dict):
        said = [item for name, item in value.items() if name not in ("role", "type")]
        return all(says_nothing(item) for item in said) and (bool(said) or not value)
    if isinstance(value, list):
        return all(says_nothing(item) for item in value)
    return value is None or value is False or (isinstance(value, str) and not value.strip())
