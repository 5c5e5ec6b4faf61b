"""What each target cannot take of the requests that widely used clients send.

By client, then by target: the ledger's code and the place in the client's request, a
line each. ``*`` stands for any number in a pointer; ``!`` marks what the client is told
of in a header (and what strict mapping refuses).
"""

from __future__ import annotations

LOSSES: dict[str, dict[str, str]] = {
    "agents-chat": {
        "messages": """
            max_tokens_defaulted /max_completion_tokens
        """,
    },
    "agents-responses": {
        "chat": """
            native_fields_dropped /input/*
            reasoning_dropped /input/*
            reasoning_visibility_unsupported /reasoning/summary
            store_dropped /store
        """,
        "messages": """
            max_tokens_defaulted /max_output_tokens
            native_fields_dropped /input/*
            reasoning_dropped /input/*
        """,
        "gemini": """
            native_fields_dropped /input/*
            reasoning_not_replayed /input/*
            store_unsupported /store
        """,
    },
    "ai-sdk-anthropic": {
        "chat": """
            budget_to_effort /thinking/budget_tokens
            reasoning_dropped /messages/*
            thinking_mode_unsupported /thinking/type
        """,
        "responses": """
            budget_to_effort /thinking/budget_tokens
            reasoning_dropped /messages/*
            thinking_mode_unsupported /thinking/type
        """,
        "gemini": """
            budget_to_level /thinking/budget_tokens
            reasoning_not_replayed /messages/*
            thinking_mode_unsupported /thinking/type
        """,
    },
    "ai-sdk-compatible": {
        "messages": """
            max_tokens_defaulted /max_completion_tokens
            native_fields_dropped /messages/*
            reasoning_dropped /messages/*
        """,
        "responses": """
            native_fields_dropped /messages/*
            reasoning_dropped /messages/*
        """,
        "gemini": """
            native_fields_dropped /messages/*
            reasoning_not_replayed /messages/*
        """,
    },
    "ai-sdk-google": {
        "chat": """
            budget_to_effort /generationConfig/thinkingConfig/thinkingBudget
            native_fields_dropped /contents/*
            reasoning_dropped /contents/*
            reasoning_visibility_unsupported /generationConfig/thinkingConfig/includeThoughts
            seal_dropped /contents/*
        """,
        "messages": """
            budget_to_effort /generationConfig/thinkingConfig/thinkingBudget
            max_tokens_defaulted /generationConfig/maxOutputTokens
            native_fields_dropped /contents/*
            reasoning_dropped /contents/*
            seal_dropped /contents/*
        """,
        "responses": """
            budget_to_effort /generationConfig/thinkingConfig/thinkingBudget
            native_fields_dropped /contents/*
            reasoning_dropped /contents/*
            seal_dropped /contents/*
        """,
    },
    "ai-sdk-openai": {
        "chat": """
            reasoning_dropped /input/*
            reasoning_visibility_unsupported /reasoning/summary
            store_dropped /store
        """,
        "messages": """
            max_tokens_defaulted /max_output_tokens
            reasoning_dropped /input/*
        """,
        "gemini": """
            reasoning_not_replayed /input/*
            store_unsupported /store
        """,
    },
    "aider": {
        "messages": """
            max_tokens_defaulted /max_completion_tokens
            temperature_unsupported! /temperature
        """,
    },
    "claude-code": {
        "chat": """
            cache_mark_dropped /messages/*
            cache_mark_dropped /system
            reasoning_dropped /messages/*
            reasoning_visibility_unsupported /thinking/display
            thinking_mode_unsupported /thinking/type
            tool_fields_dropped /tools/*
            tool_result_media_moved! /messages/*
            unknown_field! /context_management
            unknown_field! /thinking/display
        """,
        "responses": """
            cache_mark_unsupported /messages/*
            cache_mark_unsupported /system
            reasoning_dropped /messages/*
            thinking_mode_unsupported /thinking/type
            tool_fields_dropped! /tools/*
            unknown_field! /context_management
            unknown_field! /thinking/display
        """,
        "gemini": """
            cache_mark_unsupported /messages/*
            cache_mark_unsupported /system
            late_system_as_user_text /messages/*
            reasoning_not_replayed /messages/*
            safety_id_unsupported /metadata/user_id
            thinking_mode_unsupported /thinking/type
            tool_fields_dropped /tools/*
            tool_fields_unsupported /tools/*
            tool_result_media_moved! /messages/*
            unknown_field! /context_management
            unknown_field! /thinking/display
        """,
    },
    "codex": {
        "chat": """
            hosted_tool_unsupported! /tools/*
            native_fields_dropped /input/*
            reasoning_dropped /input/*
            reasoning_visibility_unsupported /reasoning/summary
            store_dropped /store
            unknown_field! /client_metadata
        """,
        "messages": """
            cache_key_unsupported /prompt_cache_key
            hosted_tool_unsupported! /tools/*
            image_detail /input/*
            max_tokens_defaulted /max_output_tokens
            native_fields_dropped /input/*
            reasoning_dropped /input/*
            schema_name_dropped /text/format
            unknown_field! /client_metadata
        """,
        "gemini": """
            cache_key_unsupported /prompt_cache_key
            hosted_tool_unsupported! /tools/*
            native_fields_dropped /input/*
            reasoning_not_replayed /input/*
            schema_name_unsupported /text/format
            store_unsupported /store
            unknown_field! /client_metadata
        """,
    },
    "gemini-cli": {
        "chat": """
            budget_to_effort /generationConfig/thinkingConfig/thinkingBudget
            native_fields_dropped /contents/*
            reasoning_visibility_unsupported /generationConfig/thinkingConfig/includeThoughts
            seal_dropped /contents/*
            top_k_unsupported! /generationConfig/topK
        """,
        "messages": """
            budget_to_effort /generationConfig/thinkingConfig/thinkingBudget
            max_tokens_defaulted /generationConfig/maxOutputTokens
            native_fields_dropped /contents/*
            seal_dropped /contents/*
            temperature_unsupported! /generationConfig/temperature
            top_k_unsupported! /generationConfig/topK
            top_p_unsupported! /generationConfig/topP
        """,
        "responses": """
            budget_to_effort /generationConfig/thinkingConfig/thinkingBudget
            native_fields_dropped /contents/*
            seal_dropped /contents/*
            top_k_unsupported! /generationConfig/topK
        """,
    },
    "instructor-anthropic": {
        "gemini": """
            parallel_tools_unsupported! /tool_choice/disable_parallel_tool_use
        """,
    },
    "instructor-openai": {
        "messages": """
            max_tokens_defaulted /max_completion_tokens
            schema_name_dropped /response_format
        """,
        "gemini": """
            schema_name_unsupported /response_format
        """,
    },
    "langchain-anthropic": {
        "chat": """
            budget_to_effort /thinking/budget_tokens
            reasoning_dropped /messages/*
            thinking_mode_unsupported /thinking/type
        """,
        "responses": """
            budget_to_effort /thinking/budget_tokens
            reasoning_dropped /messages/*
            thinking_mode_unsupported /thinking/type
        """,
        "gemini": """
            budget_to_level /thinking/budget_tokens
            reasoning_not_replayed /messages/*
            thinking_mode_unsupported /thinking/type
        """,
    },
    "langchain-chat": {
        "messages": """
            max_tokens_defaulted /max_completion_tokens
        """,
    },
    "langchain-responses": {
        "chat": """
            native_fields_dropped /input/*
            reasoning_dropped /input/*
            reasoning_visibility_unsupported /reasoning/summary
            store_dropped /store
        """,
        "messages": """
            max_tokens_defaulted /max_output_tokens
            native_fields_dropped /input/*
            reasoning_dropped /input/*
        """,
        "gemini": """
            native_fields_dropped /input/*
            reasoning_not_replayed /input/*
            store_unsupported /store
        """,
    },
    "llm": {
        "messages": """
            max_tokens_defaulted /max_completion_tokens
        """,
    },
    "node-google-genai": {
        "chat": """
            budget_to_effort /generationConfig/thinkingConfig/thinkingBudget
            native_fields_dropped /contents/*
            reasoning_dropped /contents/*
            reasoning_visibility_unsupported /generationConfig/thinkingConfig/includeThoughts
            seal_dropped /contents/*
        """,
        "messages": """
            budget_to_effort /generationConfig/thinkingConfig/thinkingBudget
            max_tokens_defaulted /generationConfig/maxOutputTokens
            native_fields_dropped /contents/*
            reasoning_dropped /contents/*
            seal_dropped /contents/*
        """,
        "responses": """
            budget_to_effort /generationConfig/thinkingConfig/thinkingBudget
            native_fields_dropped /contents/*
            reasoning_dropped /contents/*
            seal_dropped /contents/*
        """,
    },
    "node-openai-chat": {
        "messages": """
            max_tokens_defaulted /max_completion_tokens
            native_fields_dropped /messages/*
            reasoning_dropped /messages/*
        """,
        "responses": """
            native_fields_dropped /messages/*
            reasoning_dropped /messages/*
        """,
        "gemini": """
            native_fields_dropped /messages/*
            reasoning_not_replayed /messages/*
        """,
    },
    "opencode-anthropic": {
        "chat": """
            budget_to_effort /thinking/budget_tokens
            cache_mark_dropped /messages/*
            cache_mark_dropped /system
            reasoning_dropped /messages/*
            thinking_mode_unsupported /thinking/type
        """,
        "responses": """
            budget_to_effort /thinking/budget_tokens
            cache_mark_unsupported /messages/*
            cache_mark_unsupported /system
            reasoning_dropped /messages/*
            thinking_mode_unsupported /thinking/type
        """,
        "gemini": """
            budget_to_level /thinking/budget_tokens
            cache_mark_unsupported /messages/*
            cache_mark_unsupported /system
            reasoning_not_replayed /messages/*
            thinking_mode_unsupported /thinking/type
        """,
    },
    "opencode-chat": {
        "messages": """
            native_fields_dropped /messages/*
            reasoning_dropped /messages/*
        """,
        "responses": """
            native_fields_dropped /messages/*
            reasoning_dropped /messages/*
        """,
        "gemini": """
            native_fields_dropped /messages/*
            reasoning_not_replayed /messages/*
        """,
    },
    "opencode-responses": {
        "chat": """
            reasoning_dropped /input/*
            reasoning_visibility_unsupported /reasoning/summary
            store_dropped /store
        """,
        "messages": """
            cache_key_unsupported /prompt_cache_key
            reasoning_dropped /input/*
        """,
        "gemini": """
            cache_key_unsupported /prompt_cache_key
            reasoning_not_replayed /input/*
            store_unsupported /store
        """,
    },
    "py-anthropic": {
        "chat": """
            cache_mark_dropped /tools/*
            prefill_not_continued! /messages/*
            reasoning_dropped /messages/*
            thinking_mode_unsupported /thinking/type
        """,
        "responses": """
            cache_mark_unsupported /tools/*
            prefill_not_continued! /messages/*
            reasoning_dropped /messages/*
            thinking_mode_unsupported /thinking/type
        """,
        "gemini": """
            cache_mark_unsupported /tools/*
            parallel_tools_unsupported! /tool_choice/disable_parallel_tool_use
            reasoning_not_replayed /messages/*
            thinking_mode_unsupported /thinking/type
        """,
    },
    "py-google-genai": {
        "chat": """
            budget_to_effort /generationConfig/thinkingConfig/thinkingBudget
            native_fields_dropped /contents/*
            reasoning_visibility_unsupported /generationConfig/thinkingConfig/includeThoughts
            seal_dropped /contents/*
            tool_fields_dropped /tools/*/functionDeclarations/*
        """,
        "messages": """
            budget_to_effort /generationConfig/thinkingConfig/thinkingBudget
            max_tokens_defaulted /generationConfig/maxOutputTokens
            native_fields_dropped /contents/*
            native_fields_dropped /tools/*/functionDeclarations/*
            seal_dropped /contents/*
            tool_fields_dropped /tools/*/functionDeclarations/*
        """,
        "responses": """
            budget_to_effort /generationConfig/thinkingConfig/thinkingBudget
            native_fields_dropped /contents/*
            seal_dropped /contents/*
            tool_fields_dropped! /tools/*/functionDeclarations/*
        """,
    },
    "py-openai-chat": {
        "messages": """
            image_detail /messages/*
            json_mode_as_instruction! /response_format
            max_tokens_defaulted /max_completion_tokens
        """,
    },
    "py-openai-responses": {
        "chat": """
            native_fields_dropped /input/*
            reasoning_dropped /input/*
            reasoning_visibility_unsupported /reasoning/summary
            store_dropped /store
        """,
        "messages": """
            max_tokens_defaulted /max_output_tokens
            native_fields_dropped /input/*
            reasoning_dropped /input/*
            schema_name_dropped /text/format
        """,
        "gemini": """
            native_fields_dropped /input/*
            reasoning_not_replayed /input/*
            schema_name_unsupported /text/format
            store_unsupported /store
        """,
    },
    "pydantic-ai-anthropic": {
        "chat": """
            budget_to_effort /thinking/budget_tokens
            reasoning_dropped /messages/*
            thinking_mode_unsupported /thinking/type
        """,
        "responses": """
            budget_to_effort /thinking/budget_tokens
            reasoning_dropped /messages/*
            thinking_mode_unsupported /thinking/type
        """,
        "gemini": """
            budget_to_level /thinking/budget_tokens
            reasoning_not_replayed /messages/*
            thinking_mode_unsupported /thinking/type
        """,
    },
    "pydantic-ai-chat": {
        "messages": """
            max_tokens_defaulted /max_completion_tokens
            native_fields_dropped /messages/*
            reasoning_dropped /messages/*
        """,
        "responses": """
            native_fields_dropped /messages/*
            reasoning_dropped /messages/*
        """,
        "gemini": """
            native_fields_dropped /messages/*
            reasoning_not_replayed /messages/*
        """,
    },
    "pydantic-ai-google": {
        "chat": """
            budget_to_effort /generationConfig/thinkingConfig/thinkingBudget
            native_fields_dropped /contents/*
            reasoning_visibility_unsupported /generationConfig/thinkingConfig/includeThoughts
            seal_dropped /contents/*
            unknown_field! /toolConfig/functionCallingConfig/mode
        """,
        "messages": """
            budget_to_effort /generationConfig/thinkingConfig/thinkingBudget
            max_tokens_defaulted /generationConfig/maxOutputTokens
            native_fields_dropped /contents/*
            seal_dropped /contents/*
            unknown_field! /toolConfig/functionCallingConfig/mode
        """,
        "responses": """
            budget_to_effort /generationConfig/thinkingConfig/thinkingBudget
            native_fields_dropped /contents/*
            seal_dropped /contents/*
            unknown_field! /toolConfig/functionCallingConfig/mode
        """,
    },
    "pydantic-ai-responses": {
        "chat": """
            native_fields_dropped /input/*
            reasoning_dropped /input/*
            reasoning_visibility_unsupported /reasoning/summary
            store_dropped /store
        """,
        "messages": """
            max_tokens_defaulted /max_output_tokens
            native_fields_dropped /input/*
            reasoning_dropped /input/*
        """,
        "gemini": """
            native_fields_dropped /input/*
            reasoning_not_replayed /input/*
            store_unsupported /store
        """,
    },
}
