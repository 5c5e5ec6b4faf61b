"""Gemini ``contents`` to canonical turns.

Results find their calls by identifier, or by name and order where there is none.

Source: Gemini API reference, "Content" and "Part"; a lone object in the place of
a list is accepted, as the vendor's own examples send it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from aigw_core.chat import (
    Format,
    Media,
    Native,
    Opaque,
    Part,
    Reasoning,
    ReasoningStyle,
    Role,
    Seal,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from aigw_core.codecs.gemini.calls import arguments_text, call_id, compact
from aigw_core.codecs.gemini.media import decode_blob, decode_file
from aigw_core.codecs.gemini.spelling import camel_case
from aigw_core.codecs.gemini.wire import (
    Content,
    FunctionCall,
    FunctionResponse,
    PlainContent,
    PlainPart,
    RequestPart,
    present,
)
from aigw_core.errors import InvalidRequest
from aigw_core.jsondoc import pointer_of

T = TypeVar("T")

PARTS = msgspec.json.Decoder(list[Raw]).decode
FIELDS = msgspec.json.Decoder(dict[str, Raw]).decode
_ALL_PLAIN: Callable[[Raw], list[PlainContent]] = msgspec.json.Decoder(list[PlainContent]).decode
_PLAIN: Callable[[Raw], PlainContent] = msgspec.json.Decoder(PlainContent).decode
_CONTENT = msgspec.json.Decoder(Content).decode
_ONE_OR_MORE = msgspec.json.Decoder(list[Raw] | Content).decode
_PART = msgspec.json.Decoder(RequestPart).decode
_STRING = msgspec.json.Decoder(str).decode

_ROLES: Mapping[str | None, Role] = {
    None: Role.USER,
    "": Role.USER,
    "user": Role.USER,
    "function": Role.USER,
    "tool": Role.USER,
    "model": Role.ASSISTANT,
}


def typed(decode: Callable[[bytes], T], raw: bytes | Raw, pointer: str) -> T:
    """``decode_as`` for something inside the body."""
    try:
        return decode(bytes(raw))
    except msgspec.ValidationError as exc:
        problem, inner = pointer_of(exc)
        raise InvalidRequest(problem, pointer=pointer + inner) from None


def decode_turns(contents: Raw, system: Content | str | None) -> tuple[Turn, ...]:
    """The turns of a request. Nobody has looked at the spelling of the fields of
    ``contents``.

    Raises:
        InvalidRequest: with the pointer of what is wrong.
    """
    turns: list[Turn] = []
    if system is not None:
        turn = _system(system)
        if turn.parts:
            turns.append(turn)
    before = len(turns)
    calls = _Calls()
    try:
        plain = _ALL_PLAIN(contents)
    except msgspec.ValidationError:
        contents = Raw(camel_case(bytes(contents), "content", "/contents"))
        turns += [_turn(at, raw, calls) for at, raw in enumerate(_split(contents))]
    else:
        turns += [_plain_turn(at, content, calls) for at, content in enumerate(plain)]
    if len(turns) == before:
        raise InvalidRequest("the list of turns is empty", pointer="/contents")
    return tuple(turns)


def _split(contents: Raw) -> list[Raw]:
    if not present(contents):
        return []
    one_or_more = typed(_ONE_OR_MORE, contents, "/contents")
    return [contents] if isinstance(one_or_more, Content) else one_or_more


def _turn(number: int, raw: Raw, calls: _Calls) -> Turn:
    try:
        plain = _PLAIN(raw)
    except msgspec.ValidationError:
        pass
    else:
        return _plain_turn(number, plain, calls)
    pointer = f"/contents/{number}"
    content = typed(_CONTENT, raw, pointer)
    role = _role(content.role, pointer)
    return Turn(role, _parts(content, pointer, number, calls), pointer=pointer)


def _plain_turn(number: int, content: PlainContent, calls: _Calls) -> Turn:
    """What :func:`_turn` gives, in a third of the time."""
    pointer = f"/contents/{number}"
    role = _ROLES.get(content.role) or _role(content.role, pointer)
    if len(content.parts) == 1 and _is_text(content.parts[0]):
        return Turn(role, (Text(content.parts[0].text or ""),), pointer=pointer)
    parts = [
        _plain_part(part, f"{pointer}/parts/{place}", (number, place), calls)
        for place, part in enumerate(content.parts)
    ]
    return Turn(role, tuple([part for part in parts if part is not None]), pointer=pointer)


def _is_text(part: PlainPart) -> bool:
    """Whether this is a text and nothing beside."""
    return (
        part.text is not None
        and part.function_call is None
        and part.function_response is None
        and part.thought_signature is None
        and part.thought is None
        and part.inline_data is None
        and part.file_data is None
    )


def _role(word: str | None, pointer: str) -> Role:
    role = _ROLES.get(word and word.lower())
    if role is None:
        raise InvalidRequest("the role must be 'user' or 'model'", pointer=f"{pointer}/role")
    return role


def _system(system: Content | str) -> Turn:
    pointer = "/systemInstruction"
    if isinstance(system, str):
        return Turn(Role.SYSTEM, (Text(system),), pointer=pointer)
    parts = _parts(system, pointer, -1, _Calls())
    if not all(isinstance(part, Text) for part in parts):
        raise InvalidRequest("a system instruction holds text only", pointer=pointer)
    return Turn(Role.SYSTEM, parts, pointer=pointer)


def _parts(content: Content, pointer: str, turn: int, calls: _Calls) -> tuple[Part, ...]:
    raw = bytes(content.parts).lstrip()
    if not present(content.parts):
        return ()
    raws = [content.parts] if raw[:1] == b"{" else typed(PARTS, raw, f"{pointer}/parts")
    parts: list[Part] = []
    for number, item in enumerate(raws):
        part = _part(bytes(item), f"{pointer}/parts/{number}", (turn, number), calls)
        if part is not None:
            parts.append(part)
    return tuple(parts)


def _part(raw: bytes, pointer: str, place: tuple[int, int], calls: _Calls) -> Part | None:
    beside: Native | None = None
    try:
        part = _PART(raw)
    except msgspec.ValidationError:
        part, beside = _unusual_part(raw, pointer)
    if part.function_call is not None:
        native = _leftover(raw, "functionCall", ("name", "args", "id"))
        return _call(part.function_call, native, _seal(part), pointer, place, calls)
    if part.function_response is not None:
        native = _leftover(raw, "functionResponse", ("name", "id"))
        return _result(part.function_response, native, pointer, calls)
    if _says_nothing(part) and beside is not None:
        return Opaque(Native(Format.GEMINI, raw), next(iter(FIELDS(beside.raw))))
    return _content(part, beside, pointer)


def _plain_part(
    part: PlainPart, pointer: str, place: tuple[int, int], calls: _Calls
) -> Part | None:
    """What :func:`_part` gives, without looking at the bytes again."""
    if part.function_call is not None:
        return _call(part.function_call, None, _seal(part), pointer, place, calls)
    response = part.function_response
    if response is not None:
        parts = camel_case(bytes(response.parts), "part", f"{pointer}/functionResponse/parts")
        response = replace(response, parts=Raw(parts))
        kept = {"response": response.response, "parts": response.parts}
        fields = {name: raw for name, raw in kept.items() if bytes(raw)}
        native = Native(Format.GEMINI, msgspec.json.encode({"functionResponse": fields}))
        return _result(response, native if fields else None, pointer, calls)
    return _content(part, None, pointer)


def _content(part: RequestPart, beside: Native | None, pointer: str) -> Part | None:
    """A text, a thought or media; nothing of an empty object."""
    if part.inline_data is not None or part.file_data is not None:
        return _media(part, beside, pointer)
    seal = _seal(part)
    if part.text is None and seal is None:
        return None
    text = part.text or ""
    if part.thought:
        return Reasoning(text, ReasoningStyle.SUMMARY, seal, native=beside)
    return Text(text, seal=seal, native=beside)


def _says_nothing(part: RequestPart) -> bool:
    """Whether none of the known fields makes this a part; a seal alone does, where
    nothing stands beside it."""
    return part.text is None and part.inline_data is None and part.file_data is None


def _seal(part: RequestPart) -> Seal | None:
    signature = part.thought_signature
    return Seal("gemini", "thought_signature", signature) if signature else None


def _unusual_part(raw: bytes, pointer: str) -> tuple[RequestPart, Native | None]:
    """A part with fields that are not listed, and those fields."""
    fields = typed(FIELDS, raw, pointer)
    known = RequestPart.__struct_encode_fields__
    other = {name: value for name, value in fields.items() if name not in known and present(value)}
    usual = {name: value for name, value in fields.items() if name in known}
    part = typed(_PART, msgspec.json.encode(usual), pointer)
    return part, Native(Format.GEMINI, msgspec.json.encode(other)) if other else None


def _media(part: RequestPart, beside: Native | None, pointer: str) -> Media:
    if part.thought or part.thought_signature:
        fields = {} if beside is None else FIELDS(beside.raw)
        if part.thought:
            fields["thought"] = Raw(b"true")
        if part.thought_signature:
            fields["thoughtSignature"] = Raw(msgspec.json.encode(part.thought_signature))
        beside = Native(Format.GEMINI, msgspec.json.encode(fields))
    try:
        if part.inline_data is not None:
            return decode_blob(part.inline_data, beside)
        assert part.file_data is not None
        return decode_file(part.file_data, beside)
    except ValueError as exc:
        raise InvalidRequest(f"the data is {exc}", pointer=f"{pointer}/inlineData/data") from None


# --- calls and their results -------------------------------------------------


class _Calls:
    """The calls so far, to find the one that a result belongs to."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._open: dict[str, list[str]] = {}  # by name: those without a result, in order
        self._invented: set[str] = set()
        self._answered: dict[str, ToolResult] = {}

    def add(self, identifier: str, name: str, *, invented: bool) -> None:
        self._names[identifier] = name
        self._answered.pop(identifier, None)  # clients may count from 0 in each step
        self._open.setdefault(name, []).append(identifier)
        if invented:
            self._invented.add(identifier)

    def match(self, response: FunctionResponse) -> str | None:
        """The identifier of the call that ``response`` answers, if there is one."""
        if response.id and response.id in self._names:
            waiting = self._open[self._names[response.id]]
            if response.id in waiting:
                waiting.remove(response.id)
            return response.id
        waiting = self._open.get(response.name, [])
        for identifier in waiting:
            if not response.id or identifier in self._invented:
                waiting.remove(identifier)
                return identifier
        return None

    def name(self, identifier: str) -> str:
        return self._names[identifier]

    def repeats(self, result: ToolResult) -> bool:
        """Whether the same result came before: a resumed session of a widely used
        client sends each twice, and other vendors refuse that."""
        known = self._answered.setdefault(result.call_id, result)
        return known is not result and known == result


def _call(
    call: FunctionCall,
    native: Native | None,
    seal: Seal | None,
    pointer: str,
    place: tuple[int, int],
    calls: _Calls,
) -> ToolCall:
    if not call.name:
        raise InvalidRequest("a function call needs a name", pointer=f"{pointer}/functionCall/name")
    if present(call.args) and bytes(call.args).lstrip()[:1] != b"{":
        raise InvalidRequest(
            "the arguments must be an object", pointer=f"{pointer}/functionCall/args"
        )
    arguments = arguments_text(call.args)
    identifier = call.id or call_id(*place, call.name, arguments)
    calls.add(identifier, call.name, invented=not call.id)
    return ToolCall(identifier, call.name, arguments, seal=seal, native=native)


def _leftover(raw: bytes, member: str, known: tuple[str, ...]) -> Native | None:
    """What the member of a part holds beside the known fields, as ``{member: {...}}``,
    and what stands beside the member."""
    fields = FIELDS(raw)
    inner = {n: value for n, value in FIELDS(fields[member]).items() if n not in known}
    other: dict[str, Raw] = {
        name: value
        for name, value in fields.items()
        if name not in RequestPart.__struct_encode_fields__
    }
    if inner:
        other[member] = Raw(msgspec.json.encode(inner))
    return Native(Format.GEMINI, msgspec.json.encode(other)) if other else None


def _result(
    response: FunctionResponse, native: Native | None, pointer: str, calls: _Calls
) -> ToolResult | None:
    pointer += "/functionResponse"
    identifier = calls.match(response)
    if identifier is None:
        said = f"the id {response.id!r}" if response.id else f"the name {response.name!r}"
        raise InvalidRequest(f"no function call before this has {said}", pointer=pointer)
    content: list[Text | Media | Opaque] = []
    is_error = False
    if present(response.response):
        value = bytes(response.response)
        if value.lstrip()[:1] != b"{":
            raise InvalidRequest("the response must be an object", pointer=f"{pointer}/response")
        text, is_error = _result_text(value)
        if text:
            content.append(Text(text))
    if present(response.parts):
        for number, item in enumerate(typed(PARTS, response.parts, f"{pointer}/parts")):
            part = _part(bytes(item), f"{pointer}/parts/{number}", (0, 0), calls)
            if isinstance(part, Text | Media | Opaque):
                content.append(part)
    result = ToolResult(
        identifier,
        tuple(content),
        is_error,
        name=calls.name(identifier),
        native=native,
    )
    return None if calls.repeats(result) else result


def _result_text(raw: bytes) -> tuple[str, bool]:
    """What the object says, and whether it is a failure. The keys ``output`` and
    ``error`` alone have a meaning by convention."""
    fields = FIELDS(raw)
    if len(fields) == 1:
        ((name, value),) = fields.items()
        if name in ("output", "error"):
            inner = bytes(value).strip()
            if inner[:1] == b'"':
                return _STRING(inner), name == "error"
            if name == "error" and inner != b"null":
                return compact(inner).decode(), True
    return compact(raw).decode(), False
