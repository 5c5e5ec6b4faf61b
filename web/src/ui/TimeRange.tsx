import { CalendarClock } from "lucide-react";
import { type SubmitEvent, useState } from "react";
import { useTranslation } from "react-i18next";

import { bounds, parseRange, type Range, RANGES, step, writeRange } from "../lib/range";
import { useShortcut } from "../lib/useShortcut";
import { Button } from "./Button";
import { Field, Input } from "./Field";
import { Popover } from "./Popover";
import { useRangeLabel } from "./rangeLabel";
import styles from "./TimeRange.module.css";

function localText(ms: number): string {
  const at = new Date(ms);
  return new Date(ms - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

export function TimeRange({ range, onChange }: { range: Range; onChange: (range: Range) => void }) {
  const { t } = useTranslation();
  const label = useRangeLabel(range);
  const [open, setOpen] = useState(false);
  useShortcut("[", () => onChange(step(range, -1)));
  useShortcut("]", () => onChange(step(range, 1)));
  const choose = (next: Range) => {
    setOpen(false);
    onChange(next);
  };
  return (
    <Popover
      label={t("range.label")}
      align="end"
      open={open}
      onOpenChange={setOpen}
      trigger={
        <Button icon={CalendarClock} kind="quiet" aria-label={`${t("range.label")}: ${label}`} className={styles.trigger}>
          <span className={styles.text}>{label}</span>
        </Button>
      }
    >
      <div className={styles.list}>
        {RANGES.map((name) => {
          const each = parseRange(name);
          return (
            each !== null && (
              <Button key={name} kind={writeRange(range) === name ? "primary" : "secondary"} aria-pressed={writeRange(range) === name} small onClick={() => choose(each)}>
                {t(`range.${name}`)}
              </Button>
            )
          );
        })}
      </div>
      <CustomRange range={range} onChange={choose} />
    </Popover>
  );
}

function CustomRange({ range, onChange }: { range: Range; onChange: (range: Range) => void }) {
  const { t } = useTranslation();
  const [start] = useState(() => bounds(range, Date.now()));
  const [from, setFrom] = useState(() => localText(start.from));
  const [to, setTo] = useState(() => localText(start.to));
  const [wrong, setWrong] = useState(false);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const next = { kind: "between", from: new Date(from).getTime(), to: new Date(to).getTime() } as const;
    setWrong(!(next.from < next.to));
    if (next.from < next.to) onChange(next);
  };
  return (
    <form onSubmit={submit} className={styles.custom} aria-label={t("range.custom")}>
      <Field label={t("range.from")} error={wrong ? t("range.order") : undefined}>
        {(control) => <Input {...control} type="datetime-local" step={1} value={from} onChange={(event) => setFrom(event.target.value)} />}
      </Field>
      <Field label={t("range.to")}>{(control) => <Input {...control} type="datetime-local" step={1} value={to} onChange={(event) => setTo(event.target.value)} />}</Field>
      <Button type="submit" kind="primary">
        {t("range.apply")}
      </Button>
    </form>
  );
}
