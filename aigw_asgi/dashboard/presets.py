"""What well-known vendors need: where they are, and what they speak.

Addresses are those of the vendors' API references, without the ``/v1`` that is added to them.
"""

from __future__ import annotations

from collections.abc import Mapping

from aigw_asgi.dashboard.operation import Shape


class Preset(Shape, frozen=True, kw_only=True):
    """What a form for a new provider begins with."""

    id: str
    name: str
    provider_type: str
    base_url: str | None
    """``null``: the kind's own address, or, for ``custom``, one that has to be filled in."""
    auth_style: str
    """How the key is sent: ``bearer``, ``x-api-key`` or ``x-goog-api-key``."""
    wire_api: str
    needs_key: bool
    """False: a server of one's own, to which any text will do."""
    variables: tuple[str, ...]
    """Environment variables that usually hold a key."""
    keys_url: str | None
    """Where the vendor gives keys out."""


def _preset(
    id: str,
    name: str,
    provider_type: str,
    base_url: str | None,
    variables: tuple[str, ...],
    keys_url: str | None,
    *,
    auth_style: str = "bearer",
    needs_key: bool = True,
) -> Preset:
    return Preset(
        id=id,
        name=name,
        provider_type=provider_type,
        base_url=base_url,
        auth_style=auth_style,
        wire_api="chat",
        needs_key=needs_key,
        variables=variables,
        keys_url=keys_url,
    )


PRESETS = (
    _preset(
        "openai",
        "OpenAI",
        "openai",
        "https://api.openai.com",
        ("OPENAI_API_KEY",),
        "https://platform.openai.com/api-keys",
    ),
    _preset(
        "anthropic",
        "Anthropic",
        "claude",
        "https://api.anthropic.com",
        ("ANTHROPIC_API_KEY",),
        "https://console.anthropic.com/settings/keys",
        auth_style="x-api-key",
    ),
    _preset(
        "gemini",
        "Gemini",
        "gemini",
        "https://generativelanguage.googleapis.com",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        "https://aistudio.google.com/apikey",
        auth_style="x-goog-api-key",
    ),
    _preset(
        "openrouter",
        "OpenRouter",
        "openai-compat",
        "https://openrouter.ai/api",
        ("OPENROUTER_API_KEY",),
        "https://openrouter.ai/keys",
    ),
    _preset(
        "groq",
        "Groq",
        "openai-compat",
        "https://api.groq.com/openai",
        ("GROQ_API_KEY",),
        "https://console.groq.com/keys",
    ),
    _preset(
        "deepseek",
        "DeepSeek",
        "openai-compat",
        "https://api.deepseek.com",
        ("DEEPSEEK_API_KEY",),
        "https://platform.deepseek.com/api_keys",
    ),
    _preset(
        "mistral",
        "Mistral",
        "openai-compat",
        "https://api.mistral.ai",
        ("MISTRAL_API_KEY",),
        "https://console.mistral.ai/api-keys",
    ),
    _preset(
        "ollama", "Ollama", "openai-compat", "http://127.0.0.1:11434", (), None, needs_key=False
    ),
    _preset("vllm", "vLLM", "openai-compat", "http://127.0.0.1:8000", (), None, needs_key=False),
    _preset("custom", "Custom", "openai-compat", None, (), None),
)

_VARIABLES = tuple(name for preset in PRESETS for name in preset.variables)


def found_variables(env: Mapping[str, str]) -> tuple[str, ...]:
    """Which of the well-known variables are set; only their names."""
    return tuple(name for name in _VARIABLES if env.get(name, "").strip())
