"""Where a recording and its translation may differ, and why.

Everything that a run does not compare is named here, with the reason. A
recording that is not named is compared in full.
"""

from __future__ import annotations

import json

from aigw_core.chat import Format
from tests.corpus import Exchange
from tests.oracles.record import Record

NO_OBJECT = "no chunk names its object; the SDK's helper passes them all over"
SECOND_INDEX = "tool calls are not numbered from 0 on; the SDK finds them by position"
NO_INDEX = "list entries of a delta have no index; the SDK cannot join them"
NOT_SAME_ID = "the answer changes its id on the way; the SDK stops"
NOT_FROM_START = "the recording resumes a background answer; the SDK wants its first event"
CUT_BY_HAND = "a test file of an SDK's authors: events in the middle were left out"
NO_OUTPUT_AT_END = "the terminal event lists no output; the SDK's final answer is empty"
NUMBERS_FOR_WORDS = "enums stand as numbers, which the SDK does not read"
AFTER_END = "a [DONE] with an event name follows message_stop; the SDK takes it for JSON"
SECOND_PART = "the parts of a message are not numbered from 0 on; the SDK finds no part"
NOT_AN_ANSWER = "the body is of another kind than its place says"

UNREADABLE: dict[str, str] = {
    "chat-githubcopilot-52f9dc2e42bf": NO_OBJECT,
    "chat-githubcopilot-ad1bc52e18c0": NO_OBJECT,
    "chat-githubcopilot-af921511c6c2": NO_OBJECT,
    "chat-mistral-3f7660c09596": NO_INDEX,
    "chat-xai-eb42da38bedb": SECOND_INDEX,
    "chat-openrouter-09007eae3d9c": NO_INDEX,
    "chat-openrouter-ed0f7e9aabef": NO_INDEX,
    "messages-anthropic-4c443546e02d": AFTER_END,
    "responses-githubcopilot-a5d6259e0d11": NOT_SAME_ID,
    "responses-openai-57834ecdc2bd": NOT_FROM_START,
    "responses-openai-ab60b93ef84d": CUT_BY_HAND,
    "responses-bedrock-mantle-us-east-1-bfa77290b730": SECOND_PART,
    "responses-chatgpt-34834a808356": NO_OUTPUT_AT_END,
    "responses-chatgpt-40b6cd1190d3": NO_OUTPUT_AT_END,
    "responses-chatgpt-781f8036fb9e": NO_OUTPUT_AT_END,
    "responses-chatgpt-c582f7f5d277": NO_OUTPUT_AT_END,
    "responses-chatgpt-e1ad45fc3905": NO_OUTPUT_AT_END,
    "responses-chatgpt-d171345c355d": NO_OUTPUT_AT_END,
    "responses-chatgpt-df7faff0db35": NO_OUTPUT_AT_END,
    "gemini-us-central1-aiplatform-g-10b89d73785a": NUMBERS_FOR_WORDS,
    "gemini-us-central1-aiplatform-g-552790c23ead": NUMBERS_FOR_WORDS,
    "gemini-us-central1-aiplatform-g-7c91e28e30ed": NUMBERS_FOR_WORDS,
    "gemini-us-central1-aiplatform-g-8b02402477c8": NUMBERS_FOR_WORDS,
    "gemini-us-central1-aiplatform-g-ba4924a05161": NUMBERS_FOR_WORDS,
}
"""Recordings on which the upstream's own SDK breaks down."""

SEVERAL_STREAMS = "a test file of an SDK's authors: several streams, one after the other"
SPLICED = "a test file of an SDK's authors: a second stream spliced into the first"

NOT_COMPARED: dict[str, str] = {
    "messages-anthropic-0e4d8e2048fe": SEVERAL_STREAMS,
    "messages-anthropic-24229e4b81f6": SEVERAL_STREAMS,
    "messages-anthropic-4dbd4fe3346c": SEVERAL_STREAMS,
    "messages-anthropic-b58e78807b90": SPLICED,
}
"""Recordings of which we read something else than the SDK, and rightly so."""

CUT_PICTURES = frozenset({"responses-openai-43b7976c5b1b"})
"""Recordings whose pictures were cut short, so that they are no base64 any more."""

NO_ANSWERS: dict[str, str] = {
    "chat-demo-endpoints-pydantic-250b0d11e9a3": "it has no choices",
    "chat-example-openai-azure-5e8adbd8429b": "an error with status 200",
    "messages-anthropic-34a25f2ec100": NOT_AN_ANSWER,
    "messages-anthropic-515fbf71addd": NOT_AN_ANSWER,
    "responses-openai-8c2dae808c72": NOT_AN_ANSWER,
    "responses-example-openai-azure-69195f0374d6": NOT_AN_ANSWER,
}
"""Documents of status 200 that are no answer of their format."""


BREAKS_OFF = "it breaks off without an end, which the upstream's SDK does not notice"
NO_REASON = "it does not say why it ended"
PIECES = "arguments come in pieces, which the upstream's SDK does not join"
HALF_CALL = "a call was cut off by the token limit; this format has whole calls only"

LIST_AFTER_TEXT = "content turns from text into a list, which the upstream's SDK drops"
ERROR_AFTER_FINISH = "an error after the finish_reason; a break between them cannot be seen"

CONTENT_IN_LISTS = frozenset({"chat-mistral-16a8b8f090ff", "chat-mistral-80545bfe685d"})
LATE_ERRORS = frozenset({"chat-openrouter-24033ba180f1"})
UNSEEN_BREAKS: dict[str, range] = {
    "chat-together-xyz-6ce002c85b1a": range(4949, 5302),
}
"""Where a break cannot be seen: after a finish reason of all that came, and before
the first whole event of what goes on. (There is one for each of its calls.)"""

ARGUMENTS_IN_PIECES = frozenset({"gemini-google-7b2193d8ae99", "gemini-google-93d85a39e57f"})


def skipped(case: Exchange, upstream: Format, client: Format, source: Record) -> dict[str, str]:
    """Field of the comparison (or ``everything``) to the reason it is left out."""
    reasons: dict[str, str] = {}
    if case.id in NOT_COMPARED:
        reasons["everything"] = NOT_COMPARED[case.id]
    if "stream-no-terminal" in case.tags:
        reasons["error"] = BREAKS_OFF
    if source.stop is None and not source.error:
        reasons["stop"] = NO_REASON
    if case.id in CONTENT_IN_LISTS:
        reasons["reasoning"] = LIST_AFTER_TEXT
    if case.id in ARGUMENTS_IN_PIECES:
        reasons["calls"] = PIECES
    if (
        client is Format.GEMINI
        and source.stop == "max_tokens"
        and any(not _is_object(call.arguments) for call in source.calls)
    ):
        reasons["calls"] = HALF_CALL
    return reasons


def no_answer(case: Exchange) -> str | None:
    """Why a document of status 200 is refused as an answer, if it may be."""
    if "json-array-stream" in case.tags:
        return "a stream as one JSON array, which is never asked for"
    if case.format == Format.RESPONSES and case.answer is not None:
        status = json.loads(case.answer).get("status")
        if status in ("queued", "in_progress"):
            return "a background answer that is not done yet"
    return NO_ANSWERS.get(case.id)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
