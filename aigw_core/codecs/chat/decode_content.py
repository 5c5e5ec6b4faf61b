"""``content`` of a client's messages: texts, media, and what only this format knows."""

from __future__ import annotations

import msgspec

from aigw_core.chat import (
    CacheMark,
    FileId,
    Format,
    Inline,
    Media,
    MediaKind,
    Native,
    Opaque,
    Part,
    Refusal,
    Text,
    Url,
)
from aigw_core.codecs.chat.data_url import plain_text, split_data_url
from aigw_core.codecs.chat.fields import given, need, read, rest, take, take_text
from aigw_core.codecs.chat.wire import (
    ENCODE,
    CacheBreakpoint,
    Fields,
    File,
    ImageUrl,
    InputAudio,
)
from aigw_core.errors import InvalidRequest

CONTENT = msgspec.json.Decoder(str | list[Fields]).decode
"""Content is a text or a list of objects."""

_LINK = msgspec.json.Decoder(str | ImageUrl).decode
_AUDIO = msgspec.json.Decoder(str | InputAudio).decode
_FILE = msgspec.json.Decoder(File).decode
_CACHE = msgspec.json.Decoder(CacheBreakpoint).decode

_LINKS = {
    "input_audio": MediaKind.AUDIO,
    "video_url": MediaKind.VIDEO,
    "document_url": MediaKind.DOCUMENT,
    "file_url": MediaKind.DOCUMENT,
}
"""Parts of other servers that name a file by its address."""

_AUDIO_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}


def read_content(fields: Fields, pointer: str, *, system: bool = False) -> list[Part]:
    content = take(fields, "content", CONTENT, pointer)
    where = f"{pointer}/content"
    if content is None:
        raise InvalidRequest("the message has no content", pointer=where)
    if isinstance(content, str):
        return [Text(content)] if content else []
    parts: list[Part] = []
    for index, item in enumerate(content):
        part = _part(dict(item), item, f"{where}/{index}")
        if system and not isinstance(part, Text):
            raise InvalidRequest("a system message holds text alone", pointer=f"{where}/{index}")
        if part != Text(""):
            parts.append(part)
    return parts


def _part(fields: Fields, whole: Fields, pointer: str) -> Part:
    type_ = need(take_text(fields, "type", pointer), f"{pointer}/type")
    if type_ == "text":
        text = need(take_text(fields, "text", pointer), f"{pointer}/text")
        return Text(text, cache=take_cache(fields, pointer, keep=True), native=native_of(fields))
    if type_ == "image_url":
        return _image(fields, pointer)
    if type_ == "input_audio":
        sound = need(take(fields, type_, _AUDIO, pointer), f"{pointer}/{type_}")
        if isinstance(sound, str):
            # Mistral's own form: base64 without a format, or an address.
            return _link(type_, whole, pointer)
        media_type = _AUDIO_TYPES.get(sound.format, f"audio/{sound.format}")
        return _media(MediaKind.AUDIO, Inline(media_type, sound.data), fields, pointer)
    if type_ == "file":
        return _file(fields, pointer)
    if type_ == "refusal":
        return Refusal(need(take_text(fields, "refusal", pointer), f"{pointer}/refusal"))
    if type_ in _LINKS:
        return _link(type_, whole, pointer)
    return Opaque(Native(Format.CHAT, ENCODE(whole)), type_)


def _media(
    kind: MediaKind,
    source: Inline | Url | FileId,
    fields: Fields,
    pointer: str,
    *,
    detail: str | None = None,
    name: str | None = None,
) -> Media:
    cache = take_cache(fields, pointer, keep=True)
    return Media(kind, source, detail, name, cache=cache, native=native_of(fields))


def _image(fields: Fields, pointer: str) -> Media:
    # Mistral's clients write the address without the object around it.
    link = need(take(fields, "image_url", _LINK, pointer), f"{pointer}/image_url")
    image = ImageUrl(link) if isinstance(link, str) else link
    source = _source(image.url, f"{pointer}/image_url/url")
    return _media(MediaKind.IMAGE, source, fields, pointer, detail=image.detail)


def _source(url: str, pointer: str) -> Inline | Url:
    data = split_data_url(url)
    if data is not None:
        return Inline(*data)
    if url[:5].lower() == "data:":
        raise InvalidRequest("a data URL must name its type and be base64", pointer=pointer)
    return Url(url)


def _file(fields: Fields, pointer: str) -> Media:
    where = f"{pointer}/file"
    file = need(take(fields, "file", _FILE, pointer), where)
    source: Inline | FileId
    if file.file_id is not None:
        source = FileId(file.file_id, Format.CHAT)
    elif file.file_data is not None:
        source = _file_data(file.file_data, file.filename, f"{where}/file_data")
    else:
        raise InvalidRequest("the file has neither file_data nor file_id", pointer=where)
    return _media(MediaKind.DOCUMENT, source, fields, pointer, name=file.filename)


def _file_data(data: str, name: str | None, pointer: str) -> Inline:
    if data[:5].lower() == "data:":
        source = _source(data, pointer)
        assert isinstance(source, Inline), source
        return source
    # Bare base64; the name tells what it is.
    if name is not None and name.lower().endswith((".txt", ".md", ".csv")):
        text = plain_text(data)
        if text is not None:
            return Inline("text/plain", text)
    is_pdf = name is None or name.lower().endswith(".pdf")
    return Inline("application/pdf" if is_pdf else "application/octet-stream", data)


def _link(type_: str, whole: Fields, pointer: str) -> Media:
    raw = need(given(dict(whole), type_), f"{pointer}/{type_}")
    url = read(_LINK, raw, f"{pointer}/{type_}")
    address = url if isinstance(url, str) else url.url
    data = split_data_url(address)
    source = Url(address) if data is None else Inline(*data)
    native = Native(Format.CHAT, ENCODE(whole))
    return Media(_LINKS[type_], source, native=native)


def take_cache(fields: Fields, pointer: str, *, keep: bool = False) -> CacheMark | None:
    """The mark that the prompt up to here be cached: OpenAI's own, or the one that
    OpenRouter and Vercel take over. ``keep`` leaves the field for the same format."""
    for name, ttl in (("prompt_cache_breakpoint", "30m"), ("cache_control", "5m")):
        raw = given(dict(fields) if keep else fields, name)
        if raw is not None:
            mark = read(_CACHE, raw, f"{pointer}/{name}")
            return CacheMark(mark.ttl or ttl)
    return None


def mark_last(parts: list[Part], fields: Fields, pointer: str) -> None:
    """A cache mark of a whole message (Vercel's gateway) is one of its last part."""
    last = parts[-1] if parts else None
    raw = fields.get("cache_control")
    if raw is None or not isinstance(last, Text | Media) or last.native is not None:
        return
    cache = take_cache(fields, pointer)
    if cache is not None:
        native = Native(Format.CHAT, ENCODE({"cache_control": raw}))
        parts[-1] = msgspec.structs.replace(last, cache=cache, native=native)


def native_of(fields: Fields) -> Native | None:
    kept = rest(fields)
    return None if kept is None else Native(Format.CHAT, kept)
