import { ArrowDown, ArrowUp, Plus, X } from "lucide-react";
import { useTranslation } from "react-i18next";

import { Select } from "../../ui/Field";
import { IconButton } from "../../ui/IconButton";
import { Menu, MenuItem } from "../../ui/Menu";
import type { Message, Part } from "./form";
import { PartEditor } from "./PartEditor";
import styles from "./playground.module.css";

export type MessageEditorProps = { message: Message; number: number; count: number; onChange: (message: Message) => void; onMove: (by: 1 | -1) => void; onRemove: () => void };

const NEW: Record<"text" | "image" | "tool_call" | "tool_result", Part> = {
  text: { kind: "text", text: "" },
  image: { kind: "image", url: "" },
  tool_call: { kind: "tool_call", id: "call_1", name: "", arguments: "{}" },
  tool_result: { kind: "tool_result", id: "call_1", name: "", output: "" },
};

/** One message: whose it is, and its parts. */
export function MessageEditor({ message, number, count, onChange, onMove, onRemove }: MessageEditorProps) {
  const { t } = useTranslation("playground");
  const kinds = message.role === "user" ? (["text", "image", "tool_result"] as const) : (["text", "tool_call"] as const);
  return (
    <fieldset className={styles.message}>
      <legend className="sr-only">{t("message", { number })}</legend>
      <div className={styles.messageHead}>
        <Select
          small
          className={styles.role}
          aria-label={t("role", { number })}
          value={message.role}
          onChange={(event) => onChange({ ...message, role: event.target.value as Message["role"] })}
          options={[
            { value: "user", label: t("user") },
            { value: "assistant", label: t("assistant") },
          ]}
        />
        <span className={styles.messageTools}>
          <Menu
            trigger={
              <IconButton icon={Plus} small label={t("part.add")} tooltip={false} />
            }
          >
            {kinds.map((kind) => (
              <MenuItem key={kind} onSelect={() => onChange({ ...message, parts: [...message.parts, NEW[kind]] })}>
                {t(`part.${kind}`)}
              </MenuItem>
            ))}
          </Menu>
          <IconButton icon={ArrowUp} small label={t("upMessage", { number })} disabled={number === 1} onClick={() => onMove(-1)} />
          <IconButton icon={ArrowDown} small label={t("downMessage", { number })} disabled={number === count} onClick={() => onMove(1)} />
          <IconButton icon={X} small label={t("removeMessage", { number })} disabled={count === 1} onClick={onRemove} />
        </span>
      </div>
      {message.parts.map((part, at) => (
        <PartEditor
          key={at}
          part={part}
          number={number}
          onChange={(next) => onChange({ ...message, parts: message.parts.map((each, nth) => (nth === at ? next : each)) })}
          {...(message.parts.length > 1 && { onRemove: () => onChange({ ...message, parts: message.parts.filter((_, nth) => nth !== at) }) })}
        />
      ))}
    </fieldset>
  );
}
