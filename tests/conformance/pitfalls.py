"""The traps of the wire formats, and which test would see the gateway in each.

A trap is something that a server or an SDK of one of the formats does and that a
gateway gets wrong easily; each was met in recorded traffic, in an SDK or in a public
issue. The numbers are names and stay. :mod:`.test_pitfalls` checks that the list is
whole and that every test in it exists and is collected; ``docs/conformance.md`` shows
it. A test belongs here only if it fails when the gateway does the wrong thing.
"""

from __future__ import annotations

from msgspec import Struct

LAST = 158
"""Pitfalls are numbered from 1 to this."""


class Pitfall(Struct, frozen=True):
    number: int
    trap: str
    """What must be so."""
    tests: tuple[str, ...] = ()
    """``file::function`` below ``tests/``, with ``[parameters]`` where one case is meant."""
    note: str = ""
    """Why there is no test, or where the gateway decides otherwise."""


class Section(Struct, frozen=True):
    title: str
    pitfalls: tuple[Pitfall, ...]


def _of(file: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{file}::{name}" for name in names)


_LAWS = "core/test_laws.py"
_SSE = "core/test_sse.py"
_PROBES = "conformance/test_probes.py"
_ANSWERS = "conformance/test_pitfall_answers.py"
_REQUESTS = "conformance/test_pitfall_requests.py"
_HTTP = "conformance/test_pitfall_http.py"
_PREFIXES = "conformance/test_prefixes.py"
_LOOPS = "core/test_seal_loops.py"
_SEALS = "core/test_seals.py"
_EXCHANGE = "core/test_exchange.py"
_ENDPOINT = "asgi/test_responses_endpoint.py"

_C_IN = "core/codecs/chat/test_decode_stream.py"
_C_OUT = "core/codecs/chat/test_encode_stream.py"
_C_ASKED = "core/codecs/chat/test_decode_request.py"
_C_ASKS = "core/codecs/chat/test_encode_request.py"
_C_RELAY = "core/codecs/chat/test_relay.py"
_C_SDK = "core/codecs/chat/test_sdk.py"
_M_IN = "core/codecs/messages/test_stream_decoder.py"
_M_OUT = "core/codecs/messages/test_stream_encoder.py"
_M_ASKED = "core/codecs/messages/test_decode_request.py"
_M_ASKS = "core/codecs/messages/test_encode_request.py"
_R_IN = "core/codecs/responses/test_stream_decoder.py"
_R_OUT = "core/codecs/responses/test_stream_encoder.py"
_R_ASKED = "core/codecs/responses/test_decode_request.py"
_R_ASKS = "core/codecs/responses/test_encode_request.py"
_G_IN = "core/codecs/gemini/test_stream_decoder.py"
_G_OUT = "core/codecs/gemini/test_stream_encoder.py"
_G_ASKED = "core/codecs/gemini/test_decode_request.py"
_G_ASKS = "core/codecs/gemini/test_encode_request.py"


def _legal(format: str) -> tuple[str, ...]:
    """What holds every stream to the automaton of its format."""
    return _of(_LAWS, f"test_every_legal_event_stream_is_written_legally[{format}]")


_FRAMING = (
    Pitfall(
        1,
        "Where the network cuts a stream (in a line end, in a character, in `data:`) changes"
        " nothing.",
        _of(_SSE, "test_every_split_of_every_short_string_gives_the_same_events")
        + _of(_LAWS, "test_any_split_gives_the_same_events"),
    ),
    Pitfall(
        2,
        "Lines end with LF, CR or CRLF, also mixed.",
        _of(_SSE, "test_agrees_with_the_standard_on_every_short_string")
        + _of(_LAWS, "test_any_line_end_gives_the_same_events"),
    ),
    Pitfall(
        3,
        "Comments are skipped anywhere, thirty of them before the first chunk too.",
        _of(_C_IN, "test_comments_and_odd_line_ends_are_framing")
        + _of(_PROBES, "test_probe[framing-messages-chat]"),
    ),
    Pitfall(
        4,
        "`data:` needs no space behind it; several such lines of one event are joined by a line"
        " feed.",
        _of(_SSE, "test_agrees_with_the_standard_however_it_is_cut"),
    ),
    Pitfall(
        5,
        "U+2028, U+0085 and form feed in a text end no line.",
        _of(_SSE, "test_bytes_at_which_str_splitlines_would_break_stay_in_the_event")
        + _of(_M_IN, "test_line_separators_inside_text_do_not_split"),
    ),
    Pitfall(
        6,
        "Spaces behind the JSON of a line do no harm.",
        _of(_M_IN, "test_ping_inside_a_block_and_padding_do_not_disturb"),
    ),
    Pitfall(
        7,
        "`[DONE]` ends Chat Completions and means nothing elsewhere; nothing behind it counts.",
        _of(_C_IN, "test_what_comes_after_the_end_is_ignored")
        + _of(_M_IN, "test_unknown_events_and_done_marker_are_ignored")
        + _of(_R_IN, "test_done_markers_and_comments_mean_nothing")
        + _of(_G_IN, "test_a_done_marker_is_ignored"),
    ),
    Pitfall(
        8,
        "A byte order mark at the start is dropped.",
        _of(_SSE, "test_agrees_with_the_standard_however_it_is_cut")
        + _of("core/codecs/gemini/test_framing.py", "test_every_framing_gives_the_documents"),
    ),
    Pitfall(
        9,
        "A last event without its blank line is still one.",
        _of(_SSE, "test_the_end_of_the_stream_gives_the_event_that_lacks_its_blank_line")
        + _of(_C_IN, "test_a_last_event_without_its_blank_line")
        + _of(_M_IN, "test_last_event_without_its_blank_line_counts")
        + _of(_R_IN, "test_a_last_event_without_its_blank_line_counts"),
    ),
    Pitfall(
        10,
        "A JSON document where a stream was asked for is told to the client as a stream.",
        _of(_ANSWERS, "test_a_document_where_a_stream_was_asked_for"),
    ),
    Pitfall(
        11,
        "A Gemini client gets `data: ` lines with their space and nothing else: no comment, no"
        " name, no `[DONE]`.",
        _of(_G_OUT, "test_nothing_but_data_lines_with_a_space") + _legal("gemini"),
    ),
    Pitfall(
        12,
        "Each event for a Messages client has its name, also in a relay: its SDK skips others.",
        _of(_M_OUT, "test_blocks_are_numbered_without_gaps")
        + _of("core/codecs/messages/test_relay.py", "test_events_without_names_get_them"),
    ),
    Pitfall(
        13,
        "A Chat Completions client gets no event without data: its SDK raises.",
        _legal("chat") + _of(_C_RELAY, "test_framing_that_breaks_the_sdk_is_mended"),
    ),
    Pitfall(
        14,
        "A keepalive is what the client's SDK skips: a comment, a ping, or for Gemini a blank"
        " line.",
        _of(_LAWS, "test_a_keepalive_is_legal_anywhere_and_changes_nothing"),
    ),
)

_CHAT = (
    Pitfall(
        15,
        "The role is said once per choice.",
        _of(_C_OUT, "test_the_role_is_said_at_once_and_once"),
    ),
    Pitfall(
        16,
        "Identifier, type and name of a call are said once: the SDK appends.",
        _of(_C_OUT, "test_tool_calls_are_numbered_from_0"),
    ),
    Pitfall(
        17,
        "Calls are numbered from 0 without gaps.",
        _of(
            _C_OUT,
            "test_tool_calls_are_numbered_from_0",
            "test_the_vendors_own_tools_are_left_out",
        ),
    ),
    Pitfall(
        18,
        "Three Gemini calls in chunks of their own are the calls 0, 1 and 2.",
        _of(_PROBES, "test_probe[parallel_calls-gemini-chat]"),
    ),
    Pitfall(
        19,
        "Another identifier under the same index is another call.",
        _of(_C_IN, "test_another_id_under_the_same_index_is_another_call"),
    ),
    Pitfall(
        20,
        "Without an index, the identifier tells calls apart; without both, a delta goes on with"
        " the last call.",
        _of(_C_IN, "test_calls_without_an_index"),
    ),
    Pitfall(
        21,
        "An empty identifier or name in a later delta overwrites nothing.",
        _of(_C_IN, "test_blank_id_and_name_overwrite_nothing"),
    ),
    Pitfall(
        22,
        "Arguments may be an object, or null.",
        _of(_C_IN, "test_arguments_that_are_no_text"),
    ),
    Pitfall(
        23,
        "A name may come after its first arguments.",
        _of(_C_IN, "test_arguments_may_come_before_the_name"),
    ),
    Pitfall(
        24,
        "The calls decide, not the word: `stop` with calls is a tool stop, `tool_calls` without"
        " any is the end.",
        _of(_C_IN, "test_finish_reasons_after_a_tool_call", "test_finish_reasons"),
    ),
    Pitfall(
        25,
        "Two finish reasons are one stop; the usage of the second counts.",
        _of(_C_IN, "test_the_first_finish_reason_counts"),
    ),
    Pitfall(
        26,
        "Usage is taken from a chunk of its own, the last one, each one, or `x_groq`.",
        _of(_C_IN, "test_usage_wherever_it_is")
        + _of("core/codecs/chat/test_usage.py", "test_later_counts_replace_and_missing_ones_keep"),
    ),
    Pitfall(
        27,
        "A chunk without choices and usage ends nothing.",
        _of(
            _C_IN,
            "test_usage_wherever_it_is[moderation after it]",
            "test_an_opening_chunk_without_an_answer_is_skipped",
        )
        + _of(_C_RELAY, "test_chunks_without_usage_and_choices_pass"),
    ),
    Pitfall(
        28,
        "Usage goes out in the last chunk before `[DONE]`: a later null would erase it.",
        _of(_C_OUT, "test_a_plain_answer_byte_for_byte"),
    ),
    Pitfall(
        29,
        "Who did not ask for usage sees no such key; who did sees null until the end.",
        _of(_C_OUT, "test_usage_is_sent_only_when_asked_for"),
    ),
    Pitfall(
        30,
        "Usage of a stream is always asked for, where the upstream takes that option.",
        _of(_C_ASKS, "test_streams_always_ask_for_usage", "test_a_relayed_stream_asks_for_usage"),
    ),
    Pitfall(
        31,
        "Null or missing members of a chunk are no obstacle.",
        _of(_C_IN, "test_missing_and_null_members_are_no_obstacle"),
    ),
    Pitfall(
        32,
        "Content may be a list with thinking in it.",
        _of(_C_IN, "test_mistral_mixes_thinking_into_the_content"),
    ),
    Pitfall(
        33,
        "Empty content and empty reasoning open no part.",
        _of(_C_IN, "test_empty_deltas_open_no_part"),
    ),
    Pitfall(
        34,
        "Reasoning that comes in two fields of one delta is told once.",
        _of(_C_IN, "test_details_and_their_text_are_one"),
    ),
    Pitfall(
        35,
        "An error behind a finish reason is an error, `[DONE]` or not.",
        _of(_C_IN, "test_an_error_after_a_finish_reason_is_an_error")
        + _of(_C_RELAY, "test_an_error_after_a_finish_reason"),
    ),
    Pitfall(
        36,
        "An event named error is one, with the status that it names.",
        _of(_C_IN, "test_groqs_error_event"),
    ),
    Pitfall(
        37,
        "An end without finish reason and `[DONE]` is a failure; one behind a finish reason is"
        " none.",
        _of(
            _C_IN,
            "test_a_stream_that_breaks_off",
            "test_a_finish_reason_without_done_ends_an_answer",
        )
        + _of(_PROBES, "test_probe[no_end-chat-messages]"),
    ),
    Pitfall(
        38,
        "Choices may interleave; they are announced in order.",
        _of(_C_IN, "test_choices_are_told_apart")
        + _of(_C_OUT, "test_choices_are_announced_in_order"),
    ),
    Pitfall(
        39,
        "Annotations come in one delta, details with an index each: the SDK raises or doubles"
        " otherwise.",
        _of(
            _C_OUT,
            "test_citations_come_in_one_delta_before_the_finish",
            "test_seals_of_reasoning_are_details_with_an_index_each",
            "test_details_of_one_index_are_numbered_apart",
        )
        + _of(_ANSWERS, "test_annotations_and_details_of_one_delta"),
    ),
    Pitfall(
        40,
        "No extension of a delta is a number: the SDK adds them up.",
        _legal("chat") + _of(_C_OUT, "test_seals_of_reasoning_are_details_with_an_index_each"),
    ),
    Pitfall(
        41,
        "An upstream's padding against eavesdroppers goes to no client of another format.",
        _of(_ANSWERS, "test_padding_is_for_nobody"),
    ),
    Pitfall(
        42,
        "More reasoning than output tokens gives no negative count.",
        _of(_ANSWERS, "test_more_reasoning_than_there_was_output")
        + _of("core/codecs/chat/test_usage.py", "test_counts_become_disjoint"),
    ),
)

_RESPONSES = (
    Pitfall(
        43,
        "The first event is `response.created`.",
        _of(_R_OUT, "test_a_text_lives_its_whole_life"),
    ),
    Pitfall(
        44,
        "An item is added, then its part, then come deltas.",
        _of(_R_OUT, "test_a_text_lives_its_whole_life") + _legal("responses"),
    ),
    Pitfall(
        45,
        "The terminal event holds every item again: what it lacks the SDK does not see.",
        _of(_R_OUT, "test_a_text_lives_its_whole_life")
        + _of("core/codecs/responses/test_sdk.py", "test_the_sdk_sees_the_whole_answer"),
    ),
    Pitfall(
        46,
        "A response and an item keep their identifiers from the first event to the last.",
        _of(_R_OUT, "test_lifecycle_events_agree_about_the_answer") + _legal("responses"),
    ),
    Pitfall(
        47,
        "Each item is closed before the terminal event, also of an answer that was cut.",
        _of(_R_OUT, "test_an_answer_cut_short_marks_its_last_item") + _legal("responses"),
    ),
    Pitfall(
        48,
        "Events are numbered from 0 without gaps.",
        _legal("responses") + _of(_R_OUT, "test_a_text_lives_its_whole_life"),
    ),
    Pitfall(
        49,
        "A message may come and go while reasoning is open; a Messages client sees one block at a"
        " time.",
        _of(_R_IN, "test_a_message_may_stream_while_reasoning_is_open")
        + _of(_M_OUT, "test_interleaved_parts_come_one_after_another"),
    ),
    Pitfall(
        50,
        "The encrypted content at an item's end counts, not the one at its start.",
        _of(_R_IN, "test_the_seal_of_item_done_counts")
        + _of(_PROBES, "test_probe[seals-responses-messages]"),
    ),
    Pitfall(
        51,
        "Reasoning that is only encrypted is kept.",
        _of(_R_IN, "test_reasoning_that_is_only_sealed_is_not_lost"),
    ),
    Pitfall(
        52,
        "Several summaries are one reasoning with blank lines between, and several again for an"
        " upstream of this format.",
        _of(_R_IN, "test_summaries_are_joined_by_a_blank_line")
        + _of("core/codecs/responses/test_response.py", "test_summaries_stay_apart_for_this_format")
        + _of(_R_ASKS, "test_summaries_and_names_come_back_apart"),
    ),
    Pitfall(
        53,
        "Arguments without deltas come once.",
        _of(_R_IN, "test_arguments_without_deltas_come_once"),
    ),
    Pitfall(
        54,
        "An incomplete response is a stop, a failed one an error.",
        _of(
            _R_IN,
            "test_incomplete_is_a_stop_and_no_error",
            "test_a_failed_response_is_a_failure",
        ),
    ),
    Pitfall(
        55,
        "Error events are read flat and nested.",
        _of(_R_IN, "test_errors_are_read_flat_and_nested"),
    ),
    Pitfall(
        56,
        "Queued and unknown events are ignored.",
        _of(_R_IN, "test_unknown_events_and_queued_are_ignored"),
    ),
    Pitfall(
        57,
        "Texts that Messages splits at citations are parts of one message.",
        _of(
            _ANSWERS,
            "test_texts_split_by_citations_are_one_item",
            "test_texts_split_by_citations_are_one_text",
        ),
    ),
    Pitfall(
        58,
        "A response says truly whether it is stored, and an unknown earlier one is a 400 that"
        " names the field.",
        _of(_R_OUT, "test_a_response_says_that_it_is_not_stored")
        + _of(
            _ENDPOINT,
            "test_a_stored_answer_is_what_the_client_got",
            "test_what_is_not_to_be_stored_is_not",
            "test_an_unknown_answer_is_400_and_named",
        ),
        "the gateway remembers answers itself, for upstreams of all formats",
    ),
    Pitfall(
        59,
        "A function without `strict` is written with `strict: false`.",
        _of(_R_ASKS, "test_strict_is_always_said"),
    ),
    Pitfall(
        60,
        "Results pair by `call_id`, never by the item's identifier.",
        _of(_R_IN, "test_a_call_is_known_by_its_call_id")
        + _of(_R_ASKED, "test_calls_pair_by_call_id_and_not_by_item_id"),
    ),
    Pitfall(
        61,
        "Reasoning is not sent without the item that followed it, which stays right behind it.",
        _of(
            _R_ASKS,
            "test_reasoning_that_led_to_nothing_is_left_out",
            "test_an_own_seal_is_replayed_before_what_it_led_to",
        ),
    ),
    Pitfall(
        62,
        "JSON mode needs the word JSON somewhere; it is added, with a warning.",
        _of(_R_ASKS, "test_json_is_mentioned_somewhere")
        + _of(_C_ASKS, "test_json_mode_names_json"),
    ),
    Pitfall(
        63,
        "The phase of a message survives its own format.",
        _of(_R_ASKS, "test_the_same_format_is_the_identity[messages]")
        + _of("core/codecs/responses/test_response.py", "test_the_phase_survives")
        + _of(_R_IN, "test_the_phase_of_a_message_is_told")
        + _of(_R_OUT, "test_texts_of_different_phases_are_different_messages"),
    ),
)

_MESSAGES = (
    Pitfall(
        64,
        "Blocks are numbered from 0 without gaps.",
        _of(_M_OUT, "test_blocks_are_numbered_without_gaps") + _legal("messages"),
    ),
    Pitfall(
        65,
        "A signature comes in one delta: the SDK keeps the last.",
        _of(_M_OUT, "test_signature_comes_whole_and_last") + _legal("messages"),
    ),
    Pitfall(
        66,
        "Thinking that is only a signature is read, and sent back with an empty text.",
        _of(_M_IN, "test_thinking_with_nothing_but_a_signature_is_kept")
        + _of(_M_ASKED, "test_blocks_become_parts", "test_everything_survives_this_format"),
    ),
    Pitfall(
        67,
        "Redacted thinking stands in the start of its block.",
        _of(_M_IN, "test_all_kinds_of_blocks_in_order"),
    ),
    Pitfall(
        68,
        "A ping inside of a block does not disturb.",
        _of(_M_IN, "test_ping_inside_a_block_and_padding_do_not_disturb"),
    ),
    Pitfall(
        69,
        "Counts that the end does not name stay those of the start; others replace them.",
        _of(
            _M_IN,
            "test_absent_counts_keep_what_the_start_said",
            "test_usage_is_disjoint_and_cumulative",
        ),
    ),
    Pitfall(
        70,
        "After a compaction the last counts are right, however much smaller.",
        _of(_M_IN, "test_later_counts_replace_earlier_ones_after_compaction"),
    ),
    Pitfall(
        71,
        "Cached and written tokens are beside the input in Messages and inside of it in Chat"
        " Completions.",
        _of(_ANSWERS, "test_cached_tokens_are_counted_as_each_format_does")
        + _of("core/codecs/messages/test_response.py", "test_hundred_prompt_tokens_are_told_apart"),
    ),
    Pitfall(
        72,
        "A call without arguments has an empty object, never an empty text.",
        _of(_ANSWERS, "test_a_call_without_arguments_has_an_empty_object"),
    ),
    Pitfall(
        73,
        "A citation may come before its text.",
        _of(_ANSWERS, "test_texts_split_by_citations_are_one_text"),
    ),
    Pitfall(
        74,
        "An answer may start with the result of a hosted tool.",
        _of(_M_IN, "test_answer_may_start_with_a_result_of_a_paused_turn"),
    ),
    Pitfall(
        75,
        "Unknown blocks, deltas and events break nothing.",
        _of(
            _M_IN,
            "test_unknown_block_and_delta_types_survive",
            "test_unknown_delta_in_a_known_block_is_ignored",
            "test_unknown_events_and_done_marker_are_ignored",
        ),
    ),
    Pitfall(
        76,
        "A stop reason of null is no stop.",
        _of(_M_IN, "test_null_stop_reason_is_not_the_stop"),
    ),
    Pitfall(
        77,
        "A message starts with the upstream's first chunk; its usage is told at the end.",
        _of(_M_OUT, "test_message_starts_at_once_and_tells_usage_at_the_end"),
    ),
    Pitfall(
        78,
        "Text, call, text are three blocks in this order.",
        _of(_ANSWERS, "test_text_call_text_are_three_blocks_in_order"),
    ),
    Pitfall(
        79,
        "An answer of nothing is a whole message.",
        _of(_M_OUT, "test_answer_without_content_is_whole"),
    ),
    Pitfall(
        80,
        "Empty text is not sent; its cache mark moves to the block before.",
        _of(
            _M_ASKS,
            "test_empty_text_never_leaves",
            "test_mark_of_an_empty_text_moves_to_the_one_before",
        ),
    ),
    Pitfall(
        81,
        "No more than four cache marks, the last ones, and none on thinking.",
        _of(
            _M_ASKS,
            "test_cache_marks_are_mapped_and_limited",
            "test_mark_of_an_empty_text_moves_to_the_one_before",
        ),
    ),
    Pitfall(
        82,
        "The results of one step are one user message, in front of what else the user says.",
        _of(_M_ASKS, "test_results_of_one_step_come_first_and_together")
        + _of(_REQUESTS, "test_results_stand_before_what_else_the_user_says"),
    ),
    Pitfall(
        83,
        "A result of nothing has no content field.",
        _of(_M_ASKS, "test_results_are_text_blocks_or_nothing"),
    ),
    Pitfall(
        84,
        "Thinking without a signature is never sent.",
        _of(_M_ASKS, "test_only_seals_of_this_vendor_are_sent")
        + _of(_REQUESTS, "test_an_empty_signature_proves_nothing"),
    ),
    Pitfall(
        85,
        "The version of 2026-10-21 takes no sampling parameters, not even those of no effect.",
        _of(_M_ASKS, "test_sampling_is_dropped_unless_the_model_takes_it"),
    ),
    Pitfall(
        86,
        "Clients send their key in `x-api-key` or as a bearer token.",
        _of("asgi/test_bad_input.py", "test_keys")
        + _of("sdks/test_anthropic.py", "test_versions_and_styles_of_keys"),
        "two keys that differ are refused with a 400 rather than one of them chosen",
    ),
    Pitfall(
        87,
        "The version of each request decides whether its sampling parameters are a 400.",
        _of("asgi/test_real_clients.py", "test_a_version_decides_about_sampling"),
    ),
    Pitfall(
        88,
        "A thinking budget is at least 1024 and below the output limit.",
        _of(_M_ASKS, "test_budget_models"),
    ),
    Pitfall(
        89,
        "A model that only thinks adaptively gets no budget.",
        _of(_M_ASKS, "test_client_of_this_format_is_taken_at_its_word"),
    ),
    Pitfall(
        90,
        "A forced tool and thinking do not go together.",
        _of(_M_ASKS, "test_forced_tool_and_thinking_do_not_go_together"),
    ),
    Pitfall(
        91,
        "Settings of tools are not sent without tools.",
        _of(_M_ASKS, "test_choice_without_tools_is_not_sent"),
    ),
    Pitfall(
        92,
        "System messages between others stay where they are.",
        _of(_M_ASKED, "test_turns_keep_their_places"),
    ),
    Pitfall(
        93,
        "A longer conversation begins byte for byte like the shorter one.",
        _of(_PREFIXES, "test_a_longer_conversation_begins_alike")
        + _of(_LOOPS, "test_a_longer_conversation_begins_like_the_shorter_one"),
    ),
    Pitfall(
        94,
        "No thinking is sent behind a gap in the thinking before it.",
        _of(_M_ASKS, "test_no_thought_is_sent_behind_a_gap"),
    ),
    Pitfall(
        95,
        "A refusal of nothing is an answer, and its explanation is kept.",
        _of(_ANSWERS, "test_a_refusal_of_nothing")
        + _of(_M_IN, "test_stop_sequence_and_refusal_say_more")
        + _of(_C_SDK, "test_a_filtered_answer"),
    ),
    Pitfall(
        96,
        "A full context and unknown stop reasons are stops.",
        _of(_M_IN, "test_stop_reason_is_mapped_and_repaired"),
    ),
    Pitfall(
        97,
        "A spent budget comes as 429 and is not worth another try at the same place.",
        _of(_HTTP, "test_a_spent_budget_is_not_tried_again"),
    ),
    Pitfall(
        98,
        "Status 529 is an overload: tried again, and a 503 for other formats.",
        _of(_ANSWERS, "test_overloaded_has_the_status_of_each_format")
        + _of(_HTTP, "test_an_overload_is_tried_again"),
    ),
    Pitfall(
        99,
        "The version of 2026-10-21 takes no documents of the assistant and no citations of the"
        " user.",
        _of(
            _M_ASKED,
            "test_document_of_the_assistant_depends_on_the_version",
            "test_citations_of_the_user_depend_on_the_version",
        )
        + _of(_M_ASKS, "test_what_the_assistant_cannot_have_is_dropped"),
    ),
    Pitfall(
        100,
        "What a hosted tool found is no tool message of the client.",
        _of(_ANSWERS, "test_results_of_hosted_tools_are_no_calls_of_the_client")
        + _of(_C_ASKS, "test_what_other_vendors_ran_is_dropped_aloud"),
    ),
)

_GEMINI = (
    Pitfall(
        101,
        "`STOP` with calls is a tool stop.",
        _of(_G_IN, "test_a_call_makes_a_stop_one_for_tools_unless_it_was_cut"),
    ),
    Pitfall(
        102,
        "Thoughts are counted beside the candidate here and inside of the output elsewhere.",
        _of(_ANSWERS, "test_thoughts_count_as_output_and_back")
        + _of(_G_OUT, "test_the_sdk_reads_what_was_meant"),
    ),
    Pitfall(
        103,
        "Usage replaces; a count that is not repeated stays.",
        _of(_G_IN, "test_usage_is_cumulative_and_absent_counts_stay"),
    ),
    Pitfall(
        104,
        "A blocked prompt is a refusal with status 200, streamed or not.",
        _of(
            _ANSWERS,
            "test_a_blocked_prompt_is_a_refusal_and_no_error",
            "test_a_whole_answer_of_a_blocked_prompt_is_a_refusal",
        )
        + _of(_G_OUT, "test_a_refusal_before_anything_is_prompt_feedback"),
    ),
    Pitfall(
        105,
        "A candidate without parts is an empty answer.",
        _of(_G_IN, "test_a_candidate_without_parts_is_an_empty_answer"),
    ),
    Pitfall(
        106,
        "A signature stays with its call, and that call first.",
        _of(_G_IN, "test_parts_are_told_apart_and_keep_their_order")
        + _of(_G_ASKS, "test_a_seal_goes_back_in_the_very_part")
        + _of(_LOOPS, "test_a_vendor_gets_its_seals_back"),
    ),
    Pitfall(
        107,
        "The signature of a last empty text is kept.",
        _of(_G_IN, "test_parts_are_told_apart_and_keep_their_order")
        + _of(_PROBES, "test_probe[seals-gemini-chat]"),
    ),
    Pitfall(
        108,
        "Signed text is not joined with its neighbours.",
        _of(_G_IN, "test_text_before_and_after_a_signed_part_is_not_joined_with_it")
        + _of(_G_ASKS, "test_signed_text_is_not_joined_with_its_neighbours"),
    ),
    Pitfall(
        109,
        "A signature that comes back in the other base64 alphabet is the same.",
        _of(_SEALS, "test_both_alphabets_and_missing_padding_are_read")
        + _of(_LOOPS, "test_the_other_alphabet_and_no_padding_are_read"),
    ),
    Pitfall(
        110,
        "An envelope in a signature is base64 that the SDK takes.",
        _of(_SEALS, "test_an_envelope_is_base64_as_the_strictest_reader_wants_it")
        + _of(_LOOPS, "test_a_vendor_gets_its_seals_back"),
    ),
    Pitfall(
        111,
        "Calls of other vendors get the dummy signature, the first of each step only.",
        _of(_G_ASKS, "test_foreign_calls_get_the_dummy_on_the_first_of_each_step"),
    ),
    Pitfall(
        112,
        "A result bears its function's name, found by the call; one without a call is the"
        " gateway's 400.",
        _of(
            _G_ASKS,
            "test_results_of_a_step_stand_together_and_first_in_the_order_of_the_calls",
            "test_what_the_vendor_refuses_is_refused_here",
        ),
    ),
    Pitfall(
        113,
        "Calls without identifiers get distinct ones that stay, and results find them in order.",
        _of(
            _G_IN,
            "test_calls_without_ids_get_distinct_ones_that_depend_on_the_answer_only",
        )
        + _of(
            _G_ASKED,
            "test_calls_without_ids_pair_with_results_by_name_and_order",
            "test_invented_ids_stay_the_same_as_the_conversation_grows",
        ),
    ),
    Pitfall(
        114,
        "There are as many results as calls, in one content.",
        _of(
            _G_ASKS,
            "test_results_of_a_step_stand_together_and_first_in_the_order_of_the_calls",
            "test_roles_alternate_and_results_match_calls",
            "test_what_the_vendor_refuses_is_refused_here",
        ),
    ),
    Pitfall(
        115,
        "Arguments are always an object; broken ones are wrapped.",
        _of(_G_OUT, "test_arguments_that_are_no_object_are_wrapped")
        + _of(_G_ASKS, "test_broken_arguments_of_history_are_wrapped"),
    ),
    Pitfall(
        116,
        "Arguments in pieces become one whole call.",
        _of(_G_OUT, "test_arguments_are_one_object_however_they_came"),
    ),
    Pitfall(
        117,
        "Any JSON Schema lands in the older subset, references that lead back included.",
        _of(
            "core/codecs/gemini/test_schema.py",
            "test_conversions",
            "test_references_that_lead_back_end",
            "test_any_schema_lands_in_the_subset",
        ),
    ),
    Pitfall(
        118,
        "A tool choice is not sent without functions.",
        _of(_G_ASKS, "test_tool_choice"),
    ),
    Pitfall(
        119,
        "Level and budget of thinking are never both sent.",
        _of(_G_ASKS, "test_thinking"),
    ),
    Pitfall(
        120,
        "Sources are placed by bytes on the wire and by characters elsewhere.",
        _of(
            _G_IN,
            "test_grounding_counts_bytes_on_the_wire_and_characters_here",
            "test_any_span_of_bytes_is_found",
        )
        + _of(_G_OUT, "test_citations_are_written_in_bytes"),
    ),
    Pitfall(
        121,
        "An unknown finish reason is a stop.",
        _of(_G_IN, "test_finish_reasons"),
    ),
    Pitfall(
        122,
        "An error in a stream is one as an event, as bare JSON and in a list.",
        _of(_G_IN, "test_an_error_in_the_stream_ends_it"),
    ),
    Pitfall(
        123,
        "A model in the path may hold slashes, colons and escapes, and `models/` twice.",
        _of(
            "asgi/test_gemini_endpoint.py",
            "test_ways_to_write_a_model",
            "test_slashes_and_colons_in_names",
        ),
    ),
    Pitfall(
        124,
        "A key in the query is neither logged nor passed on.",
        _of("asgi/test_gemini_endpoint.py", "test_slashes_and_colons_in_names")
        + _of(_HTTP, "test_a_key_in_the_query_is_not_logged"),
    ),
    Pitfall(
        125,
        "Fields in snake case are those in camel case.",
        _of(_G_ASKED, "test_snake_case_and_camel_case_are_the_same"),
    ),
    Pitfall(
        126,
        "Thoughts are never the content of an answer.",
        _of(_ANSWERS, "test_thoughts_between_texts_are_no_text")
        + _of(_PROBES, "test_probe[reasoning-gemini-chat]"),
    ),
    Pitfall(
        127,
        "The time to wait stands in the details of an error.",
        _of("core/codecs/gemini/test_error.py", "test_the_delay_of_the_body_is_read"),
    ),
)

_ACROSS = (
    Pitfall(
        128,
        "Reasoning of one format is never visible text in another.",
        _of(_REQUESTS, "test_reasoning_of_the_history_is_never_text")
        + _of(_PROBES, "test_probe[reasoning-messages-gemini]"),
    ),
    Pitfall(
        129,
        "An envelope of another tenant is dropped with a warning, and the request goes on.",
        _of(_LOOPS, "test_what_is_not_for_the_target_is_left_out")
        + _of(_SEALS, "test_another_tenant_opens_nothing"),
    ),
    Pitfall(
        130,
        "A damaged envelope, or one on an edited call, is dropped and breaks nothing.",
        _of(
            _LOOPS,
            "test_what_is_not_for_the_target_is_left_out",
            "test_a_seal_leaves_with_the_part_that_it_was_for",
        )
        + _of(_SEALS, "test_no_flipped_bit_goes_unseen"),
    ),
    Pitfall(
        131,
        "A vendor gets its signature back byte for byte through any client; one whose client"
        " drops everything gets a legal request without it.",
        _of(_LOOPS, "test_a_vendor_gets_its_seals_back")
        + _of(
            _REQUESTS,
            "test_one_of_the_two_carriers_of_a_chat_client_is_enough",
            "test_a_chat_client_that_drops_everything_is_served",
        ),
        "the gateway keeps no signatures itself",
    ),
    Pitfall(
        132,
        "In a conversation that moves between vendors each sees its own proofs only.",
        _of(_LOOPS, "test_each_vendor_gets_only_its_own_seals"),
    ),
    Pitfall(
        133,
        "A vendor's own signature, pasted into a route to another vendor, is dropped.",
        _of(_LOOPS, "test_a_vendors_own_signature_in_another_place_is_left_out"),
    ),
    Pitfall(
        134,
        "A name that the upstream finds illegal is changed for it only.",
        _of(
            _ANSWERS,
            "test_a_long_name_is_short_for_the_upstream_only",
            "test_a_free_text_tool_keeps_its_name_and_its_text",
        ),
    ),
    Pitfall(
        135,
        "Any identifier of a call becomes a legal one, distinct from others, and results still"
        " pair.",
        _of("core/test_naming.py", "test_call_ids_are_legal_distinct_and_the_same_each_time")
        + _of(_M_ASKS, "test_ids_become_legal_on_both_sides")
        + _of(_C_ASKS, "test_long_ids_still_pair")
        + _of(_R_ASKS, "test_identifiers_are_made_legal_and_still_pair"),
    ),
    Pitfall(
        136,
        "A choice of a tool that is not there is the gateway's 400.",
        _of(_HTTP, "test_a_choice_of_an_unknown_tool_is_refused"),
    ),
    Pitfall(
        137,
        "An assistant turn of calls alone gives no empty text.",
        _of(_REQUESTS, "test_calls_without_content_have_no_text"),
    ),
    Pitfall(
        138,
        "A picture in a result follows all results of its step.",
        _of(_C_ASKS, "test_media_of_results_follow_all_results")
        + _of(
            _REQUESTS,
            "test_nothing_stands_between_the_results_of_a_step",
            "test_pictures_are_numbered_anew_in_each_step",
        )
        + _of(_G_ASKS, "test_media_in_a_result_follows_all_results"),
    ),
    Pitfall(
        139,
        "Stop sequences that the upstream does not take are a 400.",
        _of(_R_ASKS, "test_what_would_change_the_answer_is_refused")
        + _of(_C_ASKS, "test_stops_and_choices"),
    ),
    Pitfall(
        140,
        "Without a limit a Messages upstream gets one, within what the model can and above its"
        " budget.",
        _of(_M_ASKS, "test_max_tokens_has_a_default_and_a_limit", "test_budget_models"),
    ),
    Pitfall(
        141,
        "Several choices are a 400 where the upstream gives one.",
        _of(_REQUESTS, "test_several_choices_are_refused_where_there_is_one")
        + _of(_EXCHANGE, "test_an_untranslatable_request_is_the_clients_mistake"),
    ),
    Pitfall(
        142,
        "A server that wants reasoning with each call gets an empty one.",
        _of(_C_ASKS, "test_deepseek_gets_reasoning_with_every_tool_call"),
    ),
    Pitfall(
        143,
        "A stream and the whole answer say the same, for every pair.",
        _of(_ANSWERS, "test_a_stream_and_a_document_say_the_same")
        + _of(_LAWS, "test_the_whole_answer_says_what_its_stream_says"),
    ),
    Pitfall(
        144,
        "A request that is written and read again is the same.",
        _of(
            _LAWS,
            "test_the_seed_request_round_trips",
            "test_a_seed_request_without_any_one_field_settles_or_is_refused",
        ),
    ),
    Pitfall(
        145,
        "Every reported loss is in the warnings header, and nothing that the user said.",
        _of(_HTTP, "test_every_loss_is_in_the_header_and_no_word_of_the_user"),
    ),
    Pitfall(
        146,
        "Arguments of any kind (huge numbers, broken JSON, deep nesting) pass as text and break no"
        " format of objects.",
        _of(
            _ANSWERS,
            "test_any_arguments_come_through_between_texts",
            "test_no_arguments_break_formats_of_objects",
        ),
    ),
    Pitfall(
        147,
        "Half a surrogate pair breaks no writer.",
        _of(_LAWS, "test_lone_surrogates_are_joined_or_replaced")
        + _of("core/test_surrogates.py", "test_any_cut_of_a_text_gives_what_utf16_gives"),
    ),
    Pitfall(
        148,
        "An unknown field is relayed, or warned of by name.",
        _of(_REQUESTS, "test_an_unknown_field_is_passed_on_or_named"),
    ),
    Pitfall(
        149,
        "When the client leaves, the upstream is closed and the usage so far recorded.",
        _of(_HTTP, "test_a_client_that_leaves_is_recorded_with_its_usage")
        + _of("asgi/test_driver.py", "test_a_client_that_leaves_drops_the_upstream"),
    ),
    Pitfall(
        150,
        "A Messages client may learn its output tokens only at the end.",
        _of(_M_OUT, "test_message_starts_at_once_and_tells_usage_at_the_end"),
        "an allowance: the start says 0, and the end is right",
    ),
    Pitfall(
        151,
        "An error before the first content has its real status, one behind it is told in the"
        " stream.",
        _of(
            _EXCHANGE,
            "test_opening_bytes_wait_for_content",
            "test_an_error_after_content_is_told_in_band",
        )
        + _of(_HTTP, "test_an_error_as_first_event_has_a_status_of_its_own")
        + _of("asgi/test_pairs.py", "test_an_error_in_a_stream_has_the_shape_of_the_client"),
    ),
    Pitfall(
        152,
        "An error body of any kind becomes an error in the client's shape.",
        _of(_LAWS, "test_hostile_bodies")
        + _of(_HTTP, "test_any_error_body_has_the_shape_of_the_client"),
    ),
    Pitfall(
        153,
        "Tokens are counted by the upstream where it can, else estimated, which is said.",
        _of(
            "asgi/test_counting.py",
            "test_the_upstream_is_asked_at_its_own_address",
            "test_an_upstream_without_a_count_is_estimated",
        ),
    ),
    Pitfall(
        154,
        "One list of models in the shape and with the pages of each format.",
        _of(
            "asgi/test_listing.py",
            "test_the_shape_follows_path_and_headers",
            "test_anthropic_pages_forward",
            "test_gemini_pages",
        ),
        "both OpenAI formats have the same list",
    ),
    Pitfall(
        155,
        "A relay takes out other vendors' envelopes and changes no other byte.",
        _of("core/test_relayed_envelopes.py", "test_envelopes_go_and_every_other_byte_stays"),
    ),
    Pitfall(
        156,
        "A relay hides the usage that the client did not ask for.",
        _of(
            _C_RELAY,
            "test_usage_nobody_asked_for_is_taken_out",
            "test_usage_beside_an_answer_is_taken_out_too",
        ),
    ),
    Pitfall(
        157,
        "A free-text tool is a function to upstreams without such, and free text to its client.",
        _of(_ANSWERS, "test_a_free_text_tool_keeps_its_name_and_its_text"),
    ),
    Pitfall(
        158,
        "A late system message stays late: as one, or as marked text of the user.",
        _of(
            _M_ASKS,
            "test_later_system_turn_stays_where_it_is",
            "test_system_turn_after_the_assistant_goes_behind_the_user",
            "test_results_of_one_step_come_first_and_together",
        ),
    ),
)

SECTIONS = (
    Section("Framing", _FRAMING),
    Section("Chat Completions streams", _CHAT),
    Section("Responses streams and requests", _RESPONSES),
    Section("Messages streams and requests", _MESSAGES),
    Section("Gemini streams and requests", _GEMINI),
    Section("Across formats", _ACROSS),
)

PITFALLS = tuple(pitfall for section in SECTIONS for pitfall in section.pitfalls)


def section_of_the_page() -> str:
    """The pitfalls as a section of ``docs/conformance.md``."""
    blocks = []
    for section in SECTIONS:
        rows = ["|  | what must be so | which test sees it |", "| --- | --- | --- |"]
        rows += [f"| {each.number} | {each.trap} | {_proof(each)} |" for each in section.pitfalls]
        blocks.append(f"### {section.title}\n\n" + "\n".join(rows))
    tested = sum(bool(each.tests) for each in PITFALLS)
    return _PAGE.format(tested=tested, count=len(PITFALLS), tables="\n\n".join(blocks))


def _proof(pitfall: Pitfall) -> str:
    cells = [f"`{test}`" for test in pitfall.tests]
    if pitfall.note:
        cells.append(f"({pitfall.note})")
    return "<br>".join(cells)


_PAGE = """\
## Pitfalls

What servers and SDKs of these formats are known to do, and gateways to get wrong: {tested} of
{count} have tests that fail when this one does. Tests are named as files below `tests/`.

{tables}
"""
