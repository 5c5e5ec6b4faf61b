"""Output items on the wire of a client's stream: opened, told piece by piece,
closed with their whole value.

This knows how an item is written, not which parts of an answer make one; that is
:mod:`.stream_encoder`. Order of the events of an item, from the vendor's
description of the stream and the accumulator of its SDK, which raises where one
is missing::

    output_item.added
      content_part.added, *.delta ..., *.done, content_part.done    (messages)
      reasoning_summary_part.added, ...                             (reasoning)
      function_call_arguments.delta ..., .done                      (calls)
    output_item.done
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from aigw_core.chat import Inline, Media, MediaKind
from aigw_core.codecs.responses import wire
from aigw_core.codecs.responses.content import native_fields
from aigw_core.codecs.responses.response_object import safe_json

_NO_LOGPROBS = b',"logprobs":[]'

Json = dict[str, object]


class Channel:
    """How the text of one kind of part is told."""

    __slots__ = ("event", "field", "index", "part_event", "type")

    def __init__(self, event: str, kind: str, field: str, part_event: str, index: str) -> None:
        self.event = event
        self.type = kind
        self.field = field
        self.part_event = part_event
        self.index = index


_PART = "response.content_part"
TEXT = Channel("response.output_text", "output_text", "text", _PART, "content_index")
REFUSAL = Channel("response.refusal", "refusal", "refusal", _PART, "content_index")
RAW = Channel("response.reasoning_text", "reasoning_text", "text", _PART, "content_index")
SUMMARY = Channel(
    "response.reasoning_summary_text",
    "summary_text",
    "text",
    "response.reasoning_summary_part",
    "summary_index",
)
ARGUMENTS = Channel("response.function_call_arguments", "", "arguments", "", "")
INPUT = Channel("response.custom_tool_call_input", "", "input", "", "")
WHOLE = Channel("", "", "", "", "")
"""Of parts that are told at once."""


class Item:
    """An item that is not closed yet."""

    __slots__ = ("content", "fields", "index", "phase", "place")

    def __init__(self, index: int, fields: Json) -> None:
        self.index = index
        self.fields = fields
        """``type``, ``id`` and what else is known from the start."""
        self.content: list[bytes] = []
        """Its parts that are told, as JSON."""
        self.place = b'"item_id":%b,"output_index":%d' % (safe_json(fields["id"]), index)
        self.phase: str | None = None

    @property
    def type(self) -> object:
        return self.fields["type"]


class ItemWriter:
    """Writes events with their numbers, and keeps the items of the final answer."""

    def __init__(self) -> None:
        self.sequence = 0
        self.output: list[bytes] = []
        """The items by index, as they stand in the final answer; empty while open."""

    def event(self, name: str, fields: bytes) -> bytes:
        """One event. ``fields`` are JSON members without braces, safe for SSE."""
        number, self.sequence = self.sequence, self.sequence + 1
        written = name.encode()
        return b'event: %b\ndata: {"type":"%b",%b,"sequence_number":%d}\n\n' % (
            written,
            written,
            fields,
            number,
        )

    def begin(self, fields: Json, out: list[bytes], **shown: object) -> Item:
        """Open an item. ``shown`` is what it has at first and not at the end."""
        item = Item(len(self.output), fields)
        self.output.append(b"")
        added = safe_json({**fields, "status": "in_progress", **shown})
        out.append(
            self.event(
                "response.output_item.added",
                b'"output_index":%d,"item":%b' % (item.index, added),
            )
        )
        return item

    def end(self, item: Item, status: str, out: list[bytes]) -> None:
        """Close an item with what was told of it."""
        fields: Json = {**item.fields, "status": status}
        if item.type == "message":
            fields["content"] = [msgspec.Raw(part) for part in item.content]
            if item.phase is not None:
                fields["phase"] = item.phase
        elif item.type == "reasoning" and item.content:
            told = [msgspec.Raw(part) for part in item.content]
            fields["content" if _is_raw(item.content[0]) else "summary"] = told
        done = safe_json(fields)
        self.output[item.index] = done
        out.append(
            self.event(
                "response.output_item.done", b'"output_index":%d,"item":%b' % (item.index, done)
            )
        )

    def whole(self, fields: Json, out: list[bytes], *steps: str, **shown: object) -> int:
        """An item that is told at once; ``steps`` name its events in between, and
        ``shown`` is what it has at first and not at the end. Returns its size.

        The item is written as it is given, with or without a status.
        """
        item = Item(len(self.output), fields)
        self.output.append(done := safe_json(fields))
        place = b'"output_index":%d,"item":' % item.index
        first = safe_json({**fields, **shown}) if shown else done
        out.append(self.event("response.output_item.added", place + first))
        for step in steps:
            out.append(self.event(f"response.{item.type}.{step}", item.place))
        out.append(self.event("response.output_item.done", place + done))
        return len(done)

    # --- the text of a part ---------------------------------------------------

    def begin_part(self, item: Item, channel: Channel, out: list[bytes]) -> tuple[bytes, bytes]:
        """Open the next part of an item. Returns what stands before and behind a
        piece of its text in the ``delta`` events."""
        place = item.place
        if channel.index:
            place = b'%b,"%b":%d' % (place, channel.index.encode(), len(item.content))
            part = self._part(channel, b'""', (), ())
            out.append(self.event(f"{channel.part_event}.added", b'%b,"part":%b' % (place, part)))
        name = f"{channel.event}.delta".encode()
        prefix = b'event: %b\ndata: {"type":"%b",%b,"delta":' % (name, name, place)
        tail = _NO_LOGPROBS if channel is TEXT else b""
        return prefix, tail + b',"sequence_number":'

    def end_part(
        self,
        item: Item,
        channel: Channel,
        text: str,
        out: list[bytes],
        *,
        annotations: tuple[bytes, ...] = (),
        logprobs: tuple[Mapping[str, object], ...] = (),
    ) -> None:
        """Close the open part of an item."""
        encoded = safe_json(text)
        place = item.place
        if channel.index:
            place = b'%b,"%b":%d' % (place, channel.index.encode(), len(item.content))
        told = b'%b,"%b":%b' % (place, channel.field.encode(), encoded)
        if channel is TEXT:
            told += b',"logprobs":' + safe_json(logprobs)
        out.append(self.event(f"{channel.event}.done", told))
        if channel.index:
            part = self._part(channel, encoded, annotations, logprobs)
            out.append(self.event(f"{channel.part_event}.done", b'%b,"part":%b' % (place, part)))
            item.content.append(part)
        else:
            item.fields[channel.field] = text

    @staticmethod
    def _part(
        channel: Channel,
        text: bytes,
        annotations: tuple[bytes, ...],
        logprobs: tuple[Mapping[str, object], ...],
    ) -> bytes:
        more = b""
        if channel is TEXT:
            more = b',"annotations":[%b],"logprobs":%b' % (
                b",".join(annotations),
                safe_json(logprobs),
            )
        return b'{"type":"%b","%b":%b%b}' % (
            channel.type.encode(),
            channel.field.encode(),
            text,
            more,
        )

    def annotate(self, item: Item, number: int, annotation: bytes, out: list[bytes]) -> None:
        """Add an annotation to the open text part of a message."""
        out.append(
            self.event(
                f"{TEXT.event}.annotation.added",
                b'%b,"content_index":%d,"annotation_index":%d,"annotation":%b'
                % (item.place, len(item.content), number, annotation),
            )
        )


def _is_raw(part: bytes) -> bool:
    return part.startswith(b'{"type":"reasoning_text"')


def compact(document: bytes) -> bytes:
    """A vendor's own JSON, fit to stand in an event: one line, safe for SSE."""
    return (
        safe_json(wire.decode_any(document))
        if b"\n" in document
        else safe_json(msgspec.Raw(document))
    )


# --- items of other vendors' making -------------------------------------------


def picture(media: Media, name: str) -> Json | None:
    """A picture that was made, as the item of a tool that made it; ``None`` for media
    that this format has no place for."""
    if media.kind is not MediaKind.IMAGE or not isinstance(media.source, Inline):
        return None
    fields: Json = {
        "id": name,
        "type": "image_generation_call",
        "status": "completed",
        "result": media.source.data,
        "output_format": media.source.media_type.removeprefix("image/"),
    }
    leftover = native_fields(media.native).get("item")
    return fields if leftover is None else {**wire.decode_fields(leftover), **fields}


def web_search(arguments: str, name: str) -> Json:
    """A web search that another vendor ran."""
    try:
        asked = wire.decode_any(arguments.encode())
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        asked = None
    query = asked.get("query") if isinstance(asked, dict) else None
    action = {"type": "search", "query": query if isinstance(query, str) else ""}
    return {"id": name, "type": "web_search_call", "status": "completed", "action": action}
