"""Field names in snake case, made into the camel case of the format.

The API reads its JSON as protocol buffers do, so ``system_instruction`` and
``systemInstruction`` are the same field, and clients send both, even mixed in
one body. Only the format's own fields are renamed: what a tool, a schema or a
label calls its fields is left alone.

Source: ProtoJSON format guide, "Field names"; snake case in recorded requests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from msgspec import Raw

from aigw_core.errors import InvalidRequest

_FIELDS = msgspec.json.Decoder(dict[str, Raw]).decode
_ITEMS = msgspec.json.Decoder(list[Raw]).decode


# Object kinds and their fields; a field has the kind of the object(s) in it, or ``""``.
_KINDS: Mapping[str, Mapping[str, str]] = {
    "request": {
        "contents": "content",
        "systemInstruction": "content",
        "tools": "tool",
        "toolConfig": "toolConfig",
        "generationConfig": "generationConfig",
        "safetySettings": "",
        "cachedContent": "",
        "serviceTier": "",
    },
    "content": {"parts": "part"},
    "part": {
        "thoughtSignature": "",
        "functionCall": "",
        "functionResponse": "functionResponse",
        "inlineData": "blob",
        "fileData": "blob",
        "executableCode": "",
        "codeExecutionResult": "",
        "toolCall": "toolCall",
        "toolResponse": "toolCall",
        "videoMetadata": "videoMetadata",
        "mediaResolution": "",
        "partMetadata": "",
    },
    "blob": {"mimeType": "", "fileUri": "", "displayName": ""},
    "toolCall": {"toolType": ""},
    "videoMetadata": {"startOffset": "", "endOffset": ""},
    "functionResponse": {"parts": "part", "willContinue": ""},
    "tool": {
        "functionDeclarations": "declaration",
        "googleSearch": "",
        "googleSearchRetrieval": "",
        "codeExecution": "",
        "urlContext": "",
        "googleMaps": "",
        "fileSearch": "",
        "computerUse": "",
        "mcpServers": "",
    },
    "declaration": {"parametersJsonSchema": "", "responseJsonSchema": ""},
    "toolConfig": {
        "functionCallingConfig": "functionCallingConfig",
        "retrievalConfig": "",
        "includeServerSideToolInvocations": "",
    },
    "functionCallingConfig": {"allowedFunctionNames": "", "streamFunctionCallArguments": ""},
    "generationConfig": {
        "topP": "",
        "topK": "",
        "candidateCount": "",
        "maxOutputTokens": "",
        "stopSequences": "",
        "presencePenalty": "",
        "frequencyPenalty": "",
        "responseLogprobs": "",
        "responseMimeType": "",
        "responseSchema": "",
        "responseJsonSchema": "",
        "responseModalities": "",
        "responseFormat": "",
        "mediaResolution": "",
        "speechConfig": "",
        "imageConfig": "",
        "thinkingConfig": "thinkingConfig",
    },
    "thinkingConfig": {"includeThoughts": "", "thinkingBudget": "", "thinkingLevel": ""},
}


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda match: "_" + match[1].lower(), name)


_CAMEL = {
    kind: {_snake(name): name for name in fields if _snake(name) != name}
    for kind, fields in _KINDS.items()
}
_SNAKE_NAMES = frozenset(name.encode() for names in _CAMEL.values() for name in names)
_name_ends = re.compile(rb'_[a-z]+(?="\s*:)').finditer


def _is_snake(body: bytes) -> bool:
    # Underscores are rare; an alternation of all names would be tried at every quote.
    return any(
        body[body.rfind(b'"', 0, end.start()) + 1 : end.end()] in _SNAKE_NAMES
        for end in _name_ends(body)
    )


def camel_case(raw: bytes, kind: str, pointer: str = "") -> bytes:
    """``raw`` (JSON) with the format's own fields in camel case. It stands at ``pointer``
    and is an object of ``kind``, or a list of them: ``request``, ``content``, ``part``.

    The same bytes when there is none in snake case; else values are kept byte
    for byte, and space between fields is not.

    Raises:
        InvalidRequest: a field comes in both spellings.
    """
    if not _is_snake(raw):
        return raw
    return _rename(raw, kind, pointer)


def _rename(raw: bytes, kind: str, pointer: str) -> bytes:
    first = raw.lstrip()[:1]
    if first == b"[":
        return msgspec.json.encode(
            [
                Raw(_rename(bytes(item), kind, f"{pointer}/{number}"))
                for number, item in enumerate(_ITEMS(raw))
            ]
        )
    if first != b"{":
        return raw
    renamed: dict[str, Raw] = {}
    for name, value in _FIELDS(raw).items():
        camel = _CAMEL[kind].get(name, name)
        if camel in renamed:
            raise InvalidRequest("the field comes twice", pointer=f"{pointer}/{camel}")
        inner = _KINDS[kind].get(camel)
        if inner:
            value = Raw(_rename(bytes(value), inner, f"{pointer}/{camel}"))
        renamed[camel] = value
    return msgspec.json.encode(renamed)
