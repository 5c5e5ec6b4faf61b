import { Plus, X } from "lucide-react";
import { useTranslation } from "react-i18next";

import { Button } from "../../ui/Button";
import { Field, Input } from "../../ui/Field";
import { IconButton } from "../../ui/IconButton";
import { EMPTY_SCHEMA, type Tool } from "./form";
import { JsonField } from "./JsonField";
import styles from "./playground.module.css";

/** The tools that the model may call. */
export function ToolsEditor({ tools, onChange }: { tools: readonly Tool[]; onChange: (tools: Tool[]) => void }) {
  const { t } = useTranslation("playground");
  const put = (at: number, change: Partial<Tool>) => onChange(tools.map((tool, nth) => (nth === at ? { ...tool, ...change } : tool)));
  return (
    <section className={styles.part} aria-label={t("tools")}>
      <h3>
        {t("tools")} {tools.length === 0 && <span className={styles.muted}>{t("toolsNone")}</span>}
      </h3>
      {tools.map((tool, at) => (
        <div key={at} className={styles.message}>
          <div className={styles.toolHead}>
            <Field label={t("toolName")}>{(control) => <Input {...control} small code value={tool.name} onChange={(event) => put(at, { name: event.target.value })} />}</Field>
            <Field label={t("toolDescription")}>{(control) => <Input {...control} small value={tool.description} onChange={(event) => put(at, { description: event.target.value })} />}</Field>
            <IconButton icon={X} small label={t("removeTool", { name: tool.name })} onClick={() => onChange(tools.filter((_, nth) => nth !== at))} />
          </div>
          <JsonField label={t("toolSchema")} value={tool.schema} rows={5} onChange={(schema) => put(at, { schema })} />
        </div>
      ))}
      <Button small icon={Plus} className={styles.add} onClick={() => onChange([...tools, { name: `tool_${tools.length + 1}`, description: "", schema: EMPTY_SCHEMA }])}>
        {t("addTool")}
      </Button>
    </section>
  );
}
