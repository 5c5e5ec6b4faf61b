"""The Gemini wire format as Structs, as far as aigw reads it.

Field names are the vendor's, written in snake case here and in lower camel
case on the wire; :mod:`~aigw_core.codecs.gemini.spelling` makes the snake case
of some clients into camel case first. What must survive byte for byte
(arguments, schemas, metadata) is ``Raw``; a field that is not listed is left
over and kept by whoever decodes the object around it.

Source: Gemini API reference, "GenerateContent", v1beta, and recorded traffic.
"""

from __future__ import annotations

from msgspec import Raw, Struct

ABSENT = Raw()


def present(raw: Raw) -> bool:
    """Whether a ``Raw`` field was there and not ``null``: to this API the same."""
    return bytes(raw) not in (b"", b"null")


# --- parts, both ways --------------------------------------------------------


class Blob(Struct, rename="camel", gc=False):
    mime_type: str = ""
    data: str = ""


class FileData(Struct, rename="camel", gc=False):
    file_uri: str = ""
    mime_type: str | None = None


class FunctionCall(Struct, gc=False):
    name: str = ""
    args: Raw = ABSENT
    id: str | None = None


class FunctionResponse(Struct, gc=False):
    name: str = ""
    response: Raw = ABSENT
    id: str | None = None
    parts: Raw = ABSENT


class RequestPart(Struct, rename="camel", forbid_unknown_fields=True, gc=False):
    """A part of a request. One with another field is looked at more slowly."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None


# --- requests ----------------------------------------------------------------


class Content(Struct):
    role: str | None = None
    parts: Raw = ABSENT


class PlainCall(FunctionCall, forbid_unknown_fields=True, gc=False):
    pass


class PlainResponse(FunctionResponse, forbid_unknown_fields=True, gc=False):
    pass


class PlainBlob(Blob, rename="camel", forbid_unknown_fields=True, gc=False):
    pass


class PlainFile(FileData, rename="camel", forbid_unknown_fields=True, gc=False):
    pass


class PlainPart(RequestPart, rename="camel", forbid_unknown_fields=True, gc=False):
    function_call: PlainCall | None = None
    function_response: PlainResponse | None = None
    inline_data: PlainBlob | None = None
    file_data: PlainFile | None = None


class PlainContent(Struct, forbid_unknown_fields=True, gc=False):
    """A turn with nothing in it that is not listed, as nearly all are; so its fields are
    spelled in camel case, but for those in ``parts`` of a response."""

    parts: list[PlainPart]
    role: str | None = None


class FunctionCallingConfig(Struct, rename="camel"):
    mode: str | None = None
    allowed_function_names: list[str] | None = None


class ThinkingConfig(Struct, rename="camel"):
    include_thoughts: bool | None = None
    thinking_budget: int | None = None
    thinking_level: str | None = None


class GenerationConfig(Struct, rename="camel"):
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    candidate_count: int | None = None
    max_output_tokens: int | None = None
    stop_sequences: list[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    response_logprobs: bool | None = None
    logprobs: int | None = None
    response_mime_type: str | None = None
    response_schema: Raw = ABSENT
    response_json_schema: Raw = ABSENT
    response_modalities: list[str] | None = None
    thinking_config: Raw = ABSENT


class FunctionDeclaration(Struct, rename="camel"):
    name: str
    description: str | None = None
    parameters: Raw = ABSENT
    parameters_json_schema: Raw = ABSENT


class Request(Struct, rename="camel"):
    contents: Raw = ABSENT
    """Read apart from the others."""
    system_instruction: Content | str | None = None
    tools: list[dict[str, Raw]] | dict[str, Raw] | None = None
    tool_config: dict[str, Raw] | None = None
    cached_content: str | None = None
    generation_config: dict[str, Raw] | None = None
    service_tier: str | None = None
    store: bool | None = None
    labels: dict[str, str] | None = None


# --- answers -----------------------------------------------------------------


class AnswerPart(Struct, rename="camel", gc=False):
    """A part of an answer. Where none of these but ``thought`` and the signature
    is there, it is a kind that only this format knows."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: AnswerCall | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None


class PartialArg(Struct, rename="camel", gc=False):
    """A piece of the arguments of a call that is streamed (Vertex AI only)."""

    json_path: str
    string_value: str | None = None
    number_value: Raw = ABSENT
    bool_value: bool | None = None


class AnswerCall(Struct, rename="camel", gc=False):
    name: str | None = None
    args: Raw = ABSENT
    id: str | None = None
    partial_args: list[PartialArg] | None = None
    will_continue: bool | None = None


class AnswerContent(Struct, gc=False):
    parts: list[AnswerPart] | None = None


class Candidate(Struct, rename="camel", gc=False):
    content: AnswerContent | None = None
    index: int | None = None
    finish_reason: str | int | None = None
    """A number where the client asked for ``enum-encoding=int``."""
    finish_message: str | None = None
    grounding_metadata: Raw = ABSENT
    citation_metadata: Raw = ABSENT
    logprobs_result: Raw = ABSENT


class ModalityCount(Struct, rename="camel", gc=False):
    modality: str | int | None = None
    token_count: int | None = None


class UsageMetadata(Struct, rename="camel", gc=False):
    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    prompt_tokens_details: list[ModalityCount] | None = None
    candidates_tokens_details: list[ModalityCount] | None = None
    service_tier: str | None = None


class PromptFeedback(Struct, rename="camel", gc=False):
    block_reason: str | int | None = None
    block_reason_message: str | None = None


class Chunk(Struct, rename="camel", gc=False):
    """A ``GenerateContentResponse``: the whole answer, or one event of a stream."""

    candidates: list[Candidate] | None = None
    usage_metadata: Raw = ABSENT
    model_version: str | None = None
    response_id: str | None = None
    create_time: str | None = None
    prompt_feedback: PromptFeedback | None = None
    error: Raw = ABSENT


# --- what cites --------------------------------------------------------------


class Source(Struct, gc=False):
    uri: str | None = None
    title: str | None = None


class GroundingChunk(Struct, rename="camel", gc=False):
    web: Source | None = None
    retrieved_context: Source | None = None
    maps: Source | None = None


class Segment(Struct, rename="camel", gc=False):
    start_index: int | None = None
    """UTF-8 bytes, as ``end_index``; absent = 0."""
    end_index: int | None = None


class GroundingSupport(Struct, rename="camel", gc=False):
    segment: Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class GroundingMetadata(Struct, rename="camel", gc=False):
    grounding_chunks: list[GroundingChunk] | None = None
    grounding_supports: list[GroundingSupport] | None = None


class CitationSource(Struct, rename="camel", gc=False):
    start_index: int | None = None
    end_index: int | None = None
    uri: str | None = None
    title: str | None = None


class CitationMetadata(Struct, rename="camel", gc=False):
    """The list has had two names."""

    citations: list[CitationSource] | None = None
    citation_sources: list[CitationSource] | None = None


class LogprobsCandidate(Struct, rename="camel", gc=False):
    token: str = ""
    log_probability: float = 0.0


class TopCandidates(Struct, gc=False):
    candidates: list[LogprobsCandidate] | None = None


class LogprobsResult(Struct, rename="camel", gc=False):
    chosen_candidates: list[LogprobsCandidate] | None = None
    top_candidates: list[TopCandidates] | None = None
