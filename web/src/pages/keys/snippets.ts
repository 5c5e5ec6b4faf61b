/**
 * Ready-made settings for clients of this gateway. What each of them reads is from its own
 * documentation: the OpenAI and Anthropic SDKs, the Google Gen AI SDK, Claude Code, Codex
 * and the Gemini CLI.
 */
export type Snippet = { id: "openai" | "anthropic" | "gemini" | "claudeCode" | "codex" | "geminiCli" | "curl"; text: string };

/** Texts of a shell: no quoting can be broken out of, whatever the key is. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export function snippets(base: string, key: string): readonly Snippet[] {
  const set = (name: string, value: string) => `export ${name}=${quoted(value)}`;
  return [
    { id: "openai", text: [set("OPENAI_BASE_URL", `${base}/v1`), set("OPENAI_API_KEY", key)].join("\n") },
    { id: "anthropic", text: [set("ANTHROPIC_BASE_URL", base), set("ANTHROPIC_API_KEY", key)].join("\n") },
    { id: "gemini", text: [set("GOOGLE_GEMINI_BASE_URL", base), set("GEMINI_API_KEY", key)].join("\n") },
    { id: "claudeCode", text: [set("ANTHROPIC_BASE_URL", base), set("ANTHROPIC_AUTH_TOKEN", key), "claude"].join("\n") },
    {
      id: "codex",
      text: [
        set("AIGW_KEY", key),
        `codex -c model_provider=aigw -c model_providers.aigw.name=aigw -c model_providers.aigw.base_url=${quoted(`"${base}/v1"`)} -c model_providers.aigw.env_key=AIGW_KEY -c model_providers.aigw.wire_api=responses`,
      ].join("\n"),
    },
    { id: "geminiCli", text: [set("GOOGLE_GEMINI_BASE_URL", base), set("GEMINI_API_KEY", key), "gemini"].join("\n") },
    { id: "curl", text: `curl ${quoted(`${base}/v1/models`)} -H ${quoted(`authorization: Bearer ${key}`)}` },
  ];
}
