"""Relayed requests: envelopes of other vendors' turns go, and no other byte changes.

The bodies are written with odd space and escapes, which a second encoder would not
repeat. What is in ``<<`` and ``>>`` is what goes; what is in ``«`` and ``»`` comes in
its place.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_core.chat import Format
from aigw_core.codec import Caps, Inbound
from aigw_core.codecs import CODECS, COUNTING
from aigw_core.codecs.gemini.calls import DUMMY_SIGNATURE
from aigw_core.errors import InvalidRequest
from aigw_core.jsonspans import Edits, Span, elements, members, whole
from aigw_core.seals import Provenance, Sealer, SealKeys, bind_call
from aigw_core.translate import Translation, translate_request
from tests.sealed import seal

ENVELOPE = (
    Sealer(SealKeys(b"k" * 32), "t")
    .wrap(None, Provenance(Format.CHAT, "m", "c"), bind_call("1", "f"))
    .data
)
OWN = seal(1)

MESSAGES = r"""{ "max_tokens" : 1e3, "model":"m", "messages": [
  {"role":"user","content":"talks of ENVELOPE"},
  {"role":"assistant","content":[ <<{"type":"thinking","thinking":"a","signature":"ENVELOPE"} ,
     >>{"type":"thinking","thinking":"\u00e9","signature":"OWN"},
     {"type":"text","text":"a" , "x":1.0}<<, {"signature":"\u0051UdXMQ","thinking":"","type":"thinking"}>> ]},
  {"role":"user","content":[{"type":"text","text":"b"}]},
  <<{"role":"assistant","content":[{"type":"redacted_thinking","data":"ENVELOPE"}]},
  >>{"role":"user","content":"c" } ] }"""

LOOP = r"""{"model":"m","max_tokens":9000,"thinking": <<{"type":"enabled","budget_tokens":2000}>>«{"type":"disabled"}»,
 "messages":[{"role":"user","content":"a"},
 {"role":"assistant","content":[<<{"type":"thinking","thinking":"a","signature":"ENVELOPE"},>>{"type":"tool_use","id":"1","name":"f","input":{}}]},
 {"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"x"}]}]}"""

RESPONSES = r"""{"model":"m", "input" :[ {"role":"user","content":"ENVELOPE"},
  <<{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"]}\"["}],"encrypted_content":"ENVELOPE"},
  >>{"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"OWN"},
  {"type":"function_call","call_id":"1","name":"f","arguments":"{ }"},
  {"type":"function_call_output","call_id":"1","output":"x"}<<,
  {"type":"reasoning","summary":[],"encrypted_content":"ENVELOPE"}>> ] }"""

GEMINI = r"""{ "contents":[ {"role":"user","parts":[{"text":"ENVELOPE"}]},
  {"role":"model","parts":[ <<{"text":"hm","thought":true,"thoughtSignature":"ENVELOPE"},
    >>{"text":"a"<<, "thoughtSignature":"ENVELOPE">>}, {"text":"b","thoughtSignature":"OWN"},
    {<<"thought_signature": "ENVELOPE" , >>"text":"c"},
    {"functionCall":{"name":"f","args":{"n": 1.50}},"thoughtSignature":<<"ENVELOPE">>«"DUMMY"» },
    {"functionCall":{"name":"f","args":{}}<<,"thoughtSignature":"ENVELOPE">>}<<,
    {"text":"","thoughtSignature":"ENVELOPE"}>>]},
  {"role":"user","parts":[{"functionResponse":{"name":"f","response":{}}},{"functionResponse":{"name":"f","response":{}}}]},
  <<{"role":"model","parts":[{"text":"x","thought":true,"thoughtSignature":"ENVELOPE"}]},
  >>{"role":"user","parts":{"text":"d"}} ] }"""

CHAT = r"""{"model":"m","messages":[ {"role":"user","content":"ENVELOPE"},
  {"role":"assistant","content":null,"reasoning_content":"hm" ,
   <<"reasoning_details":[{"type":"reasoning.encrypted","data":"ENVELOPE","format":"aigw-v1","index":0}],
   >>"tool_calls":[ {"id":"1","type":"function","function":{"name":"f","arguments":"{ }"}<<,
     "extra_content":{"aigw":{"seal":"ENVELOPE"}}>>},
     {"id":"2","type":"function","function":{"name":"f","arguments":""},
      "extra_content":{"google":{"thought_signature":"OWN"}<<,"aigw":{"seal":"ENVELOPE"}>>}} ]},
  {"role":"tool","tool_call_id":"1","content":"x"},{"role":"tool","tool_call_id":"2","content":"y"},
  {"role":"assistant","content":"z","reasoning_details":[{"type":"reasoning.text","text":"a","signature":"OWN"}<<,
   {"type":"reasoning.encrypted","data":"ENVELOPE","format":"aigw-v1","index":1}>>]},
  {"role":"user","content":"go"} ]}"""

CASES = [
    pytest.param(Format.MESSAGES, MESSAGES, 3, id="messages"),
    pytest.param(Format.MESSAGES, LOOP, 2, id="messages-loop"),
    pytest.param(Format.RESPONSES, RESPONSES, 2, id="responses"),
    pytest.param(Format.GEMINI, GEMINI, 7, id="gemini"),
    pytest.param(Format.CHAT, CHAT, 4, id="chat"),
]


def bodies(pattern: str) -> tuple[bytes, bytes]:
    """What a client sends, and what is to be left of it."""
    text = pattern.replace("ENVELOPE", ENVELOPE).replace("OWN", OWN)
    text = text.replace("DUMMY", DUMMY_SIGNATURE)
    sent = re.sub("«.*?»", "", text)
    sent = sent.replace("<<", "").replace(">>", "")
    left = re.sub(r"<<.*?>>", "", text, flags=re.DOTALL)
    return sent.encode(), left.replace("«", "").replace("»", "").encode()


def relay(format: Format, body: bytes, *, strict: bool = False) -> Translation:
    codec = CODECS[format]
    inbound = Inbound(body)
    if format is Format.GEMINI:
        inbound = Inbound(body, {}, "m", False)
    codec.peek(inbound)
    caps = Caps(stream_usage_option=False)
    return translate_request(inbound, None, codec, codec, "m", caps, strict=strict)


@pytest.mark.parametrize(("format", "pattern", "count"), CASES)
def test_envelopes_go_and_every_other_byte_stays(format: Format, pattern: str, count: int) -> None:
    sent, left = bodies(pattern)
    json.loads(sent)
    json.loads(left)
    translation = relay(format, sent)
    assert translation.encoded.body == left
    assert [entry.code for entry in translation.ledger] == ["seal_foreign"] * count
    assert all(_resolve(json.loads(sent), entry.pointer) for entry in translation.ledger)
    again = relay(format, left)
    assert (again.encoded.body, again.ledger) == (left, ())
    with pytest.raises(InvalidRequest, match="seal_foreign"):
        relay(format, sent, strict=True)


def _resolve(document: Any, pointer: str) -> bool:
    for step in pointer.split("/")[1:]:
        document = document[int(step)] if isinstance(document, list) else document[step]
    return True


@pytest.mark.parametrize(("format", "pattern", "count"), CASES)
def test_a_body_that_only_talks_of_envelopes_is_not_touched(
    format: Format, pattern: str, count: int
) -> None:
    _, left = bodies(pattern)
    assert relay(format, left).encoded.body == left


def test_models_that_do_not_think_get_no_dummy() -> None:
    sent, left = bodies(GEMINI)
    stripped, _ = CODECS[Format.GEMINI].strip_envelopes(sent, Caps(thinking="none"))
    assert DUMMY_SIGNATURE.encode() in left
    assert DUMMY_SIGNATURE.encode() not in stripped


@pytest.mark.parametrize("name", ["generateContentRequest", "generate_content_request"])
def test_what_is_to_be_counted_is_looked_through(name: str) -> None:
    sent, left = bodies(GEMINI)
    body, pointers = COUNTING[Format.GEMINI].strip_envelopes(
        b'{"%b":%b}' % (name.encode(), sent), Caps()
    )
    assert body == b'{"%b":%b}' % (name.encode(), left)
    assert pointers[0].startswith(f"/{name}/contents/1/parts/")


@pytest.mark.parametrize(
    "part",
    [
        b'{"thoughtSignature":"QUdXM","text":"a","thoughtSignature":"QUdXM"}',
        b'{"thoughtSignature":3,"text":"QUdXM"}',
        b'"QUdXM"',
        b"[]",
    ],
)
def test_odd_parts_do_no_harm(part: bytes) -> None:
    body = b'{"contents":[{"parts":[%b]}]}' % part
    stripped, _ = CODECS[Format.GEMINI].strip_envelopes(body, Caps())
    json.loads(stripped)


# --- where values stand ---------------------------------------------------------------------

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(value=documents, indent=st.none() | st.integers(0, 2), ascii=st.booleans())
def test_spans_are_the_values(value: Any, indent: int | None, ascii: bool) -> None:
    document = json.dumps(value, indent=indent, ensure_ascii=ascii).encode("utf-8", "surrogatepass")

    def check(span: Span, expected: Any) -> None:
        assert json.loads(document[span.value : span.end]) == expected
        inner = elements(document, span)
        assert len(inner) == (len(expected) if isinstance(expected, list) else 0)
        for each, item in zip(inner, expected if isinstance(expected, list) else (), strict=True):
            check(each, item)
        named = members(document, span)
        assert list(named) == (list(expected) if isinstance(expected, dict) else [])
        for name, each in named.items():
            check(each, expected[name])

    check(whole(document), value)


@given(count=st.integers(1, 6), data=st.data())
def test_removed_elements_leave_the_others(count: int, data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.integers(0, count - 1), min_size=1))
    for document, look in (
        (json.dumps({str(n): n for n in range(count)}, indent=1).encode(), members),
        (json.dumps(list(range(count))).encode(), elements),
    ):
        found = look(document, whole(document))
        edits = Edits(document)
        edits.remove(list(found.values()) if isinstance(found, dict) else found, gone)
        left = json.loads(edits.apply())
        assert [int(n) for n in left] == [n for n in range(count) if n not in gone]
