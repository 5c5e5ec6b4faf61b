import { X } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { bytes } from "../../lib/format";
import { Field, Input, TextArea } from "../../ui/Field";
import { IconButton } from "../../ui/IconButton";
import { JsonTree } from "../../ui/JsonTree";
import { dataUrl, type Part } from "./form";
import { JsonField } from "./JsonField";
import styles from "./playground.module.css";

export type PartEditorProps = { part: Part; number: number; onChange: (part: Part) => void; onRemove?: () => void };

/** A part of a message, by its kind. */
export function PartEditor({ part, number, onChange, onRemove }: PartEditorProps) {
  const { t } = useTranslation("playground");
  const body = ((): ReactNode => {
    switch (part.kind) {
      case "text":
        return <TextArea rows={3} aria-label={t("part.textOf", { number })} value={part.text} onChange={(event) => onChange({ ...part, text: event.target.value })} />;
      case "image":
        return <ImagePart part={part} onChange={onChange} />;
      case "tool_call":
        return (
          <>
            <CallNames part={part} onChange={onChange} />
            <JsonField label={t("part.arguments")} value={part.arguments} onChange={(next) => onChange({ ...part, arguments: next })} />
          </>
        );
      case "tool_result":
        return (
          <>
            <CallNames part={part} onChange={onChange} />
            <Field label={t("part.output")}>{(control) => <TextArea {...control} rows={2} value={part.output} onChange={(event) => onChange({ ...part, output: event.target.value })} />}</Field>
          </>
        );
      case "raw":
        return (
          <>
            <p className={styles.muted}>{t("part.rawNote")}</p>
            <JsonTree value={part.json} open={1} />
          </>
        );
    }
  })();
  return (
    <div className={styles.messagePart}>
      {(part.kind !== "text" || onRemove !== undefined) && (
        <div className={styles.partHead}>
          <span className={styles.muted}>{t(`part.${part.kind}`)}</span>
          {onRemove !== undefined && <IconButton icon={X} small label={t("part.remove")} onClick={onRemove} />}
        </div>
      )}
      {body}
    </div>
  );
}

function CallNames<P extends Part & { kind: "tool_call" | "tool_result" }>({ part, onChange }: { part: P; onChange: (part: P) => void }) {
  const { t } = useTranslation("playground");
  return (
    <div className={styles.pair}>
      <Field label={t("part.callId")}>{(control) => <Input {...control} small code value={part.id} onChange={(event) => onChange({ ...part, id: event.target.value })} />}</Field>
      <Field label={t("part.name")}>{(control) => <Input {...control} small code value={part.name} onChange={(event) => onChange({ ...part, name: event.target.value })} />}</Field>
    </div>
  );
}

function ImagePart({ part, onChange }: { part: Part & { kind: "image" }; onChange: (part: Part) => void }) {
  const { t } = useTranslation("playground");
  const inline = dataUrl(part.url);
  const read = (file: File | undefined) => {
    if (file === undefined) return;
    const reader = new FileReader();
    reader.onload = () => {
      if (typeof reader.result === "string") onChange({ kind: "image", url: reader.result });
    };
    reader.readAsDataURL(file);
  };
  const size = inline === null ? "" : bytes(Math.floor((inline.data.length * 3) / 4));
  return (
    <>
      {inline !== null && /^image\/(png|jpeg|gif|webp)$/.test(inline.type) && <img src={part.url} alt={t("part.imageLoaded", { size })} className={styles.thumb} />}
      <Field label={t("part.imageUrl")} note={inline === null ? t("part.imageUrlNote") : t("part.imageLoaded", { size })}>
        {(control) => <Input {...control} small code value={part.url} onChange={(event) => onChange({ ...part, url: event.target.value })} />}
      </Field>
      <Field label={t("part.imageFile")}>{(control) => <Input {...control} small type="file" accept="image/png,image/jpeg,image/gif,image/webp" onChange={(event) => read(event.target.files?.[0])} />}</Field>
    </>
  );
}
