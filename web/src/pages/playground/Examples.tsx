import { useTranslation } from "react-i18next";

import type { WireFormat } from "../../lib/answer";
import { Button } from "../../ui/Button";
import { Menu, MenuItem } from "../../ui/Menu";
import { emptyForm, type Form } from "./form";

const WEATHER = JSON.stringify({ type: "object", properties: { city: { type: "string" } }, required: ["city"] }, null, 2);

/** Requests that the built-in models answer: no provider is needed. */
const EXAMPLES: Record<"plain" | "tools" | "reasoning" | "slow" | "429" | "midstream" | "cut", { model: string; text: string; tool?: boolean }> = {
  plain: { model: "echo", text: "Hello. This went through the gateway and came back." },
  tools: { model: "echo-tools", text: "What is the weather like in Paris?", tool: true },
  reasoning: { model: "echo-reasoning", text: "Why is the sky blue?" },
  slow: { model: "echo-slow", text: "One word after the other, slowly enough to be stopped in the middle of it all." },
  "429": { model: "echo-error-429", text: "Refuse this." },
  midstream: { model: "echo-error-midstream", text: "Half of this sentence arrives, and then there is an error event." },
  cut: { model: "echo-cut", text: "The connection of the upstream breaks inside an event." },
};

export function exampleForm(name: keyof typeof EXAMPLES, format: WireFormat): Form {
  const { model, text, tool = false } = EXAMPLES[name];
  return {
    ...emptyForm(format),
    model,
    messages: [{ role: "user", parts: [{ kind: "text", text }] }],
    tools: tool ? [{ name: "weather", description: "The weather of a city", schema: WEATHER }] : [],
  };
}

export function Examples({ format, onForm }: { format: WireFormat; onForm: (form: Form) => void }) {
  const { t } = useTranslation("playground");
  return (
    <Menu
      trigger={
        <Button small kind="quiet">
          {t("examples")}
        </Button>
      }
    >
      {(["plain", "tools", "reasoning", "slow", "429", "midstream", "cut"] as const).map((name) => (
        <MenuItem key={name} hint={EXAMPLES[name].model} onSelect={() => onForm(exampleForm(name, format))}>
          {t(`example.${name}`)}
        </MenuItem>
      ))}
    </Menu>
  );
}
