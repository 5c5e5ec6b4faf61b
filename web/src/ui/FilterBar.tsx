import clsx from "clsx";
import { Search, X } from "lucide-react";
import { type SubmitEvent, type ReactNode, useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { type Field, type Filter, parseFilter, type Term, withoutTerm, withTerm, writeTerm } from "../lib/filter";
import { useShortcut } from "../lib/useShortcut";
import { Button } from "./Button";
import { Input } from "./Field";
import styles from "./FilterBar.module.css";

export type FilterBarProps = {
  filter: Filter;
  fields: readonly Field[];
  onChange: (filter: Filter) => void;
  /** A filter as one would write it. */
  example: string;
  /** More controls in the same line. */
  children?: ReactNode;
};

/** A box to type filters into, and those in force as chips. `/` goes to the box. */
export function FilterBar({ filter, fields, onChange, example, children }: FilterBarProps) {
  const { t } = useTranslation();
  const [draft, setDraft] = useState("");
  const box = useRef<HTMLInputElement>(null);
  const list = useId();
  useShortcut("/", () => box.current?.focus());
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const typed = parseFilter(draft, fields);
    const text = [filter.text, typed.text].filter((part) => part !== "").join(" ");
    onChange({ ...typed.terms.reduce(withTerm, filter), text });
    setDraft("");
  };
  const any = filter.terms.length > 0 || filter.text !== "";
  return (
    <div className={styles.bar} role="search" aria-label={t("filter.label")}>
      <form onSubmit={submit} className={styles.box}>
        <Search size={15} aria-hidden />
        <Input
          ref={box}
          value={draft}
          list={list}
          spellCheck={false}
          autoComplete="off"
          aria-label={t("filter.label")}
          placeholder={t("filter.placeholder", { example })}
          onChange={(event) => setDraft(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape") {
              if (draft === "") box.current?.blur();
              setDraft("");
            } else if (event.key === "Backspace" && draft === "" && any) {
              const last = filter.terms.at(-1);
              onChange(filter.text !== "" || last === undefined ? { ...filter, text: "" } : withoutTerm(filter, last));
            }
          }}
        />
        <datalist id={list}>
          {suggestions(draft, fields).map((word) => (
            <option key={word} value={word} />
          ))}
        </datalist>
      </form>
      {filter.terms.map((term) => (
        <Chip key={writeTerm(term)} name={writeTerm(term)} term={term} onRemove={() => onChange(withoutTerm(filter, term))} />
      ))}
      {filter.text !== "" && <Chip name={t("filter.text", { text: filter.text })} onRemove={() => onChange({ ...filter, text: "" })} />}
      {any && (
        <Button kind="quiet" small onClick={() => onChange({ terms: [], text: "" })}>
          {t("filter.clear")}
        </Button>
      )}
      {children}
    </div>
  );
}

function Chip({ name, term, onRemove }: { name: string; term?: Term; onRemove: () => void }) {
  const { t } = useTranslation();
  return (
    <span className={clsx(styles.chip, term?.not === true && styles.not)}>
      <span className={styles.term} title={name}>
        {name}
      </span>
      <button type="button" className={styles.remove} aria-label={t("filter.removeTerm", { term: name })} onClick={onRemove}>
        <X size={13} aria-hidden />
      </button>
    </span>
  );
}

/** How the word that is being typed could go on; the words before it stay. */
function suggestions(draft: string, fields: readonly Field[]): string[] {
  const cut = draft.lastIndexOf(" ") + 1;
  const before = draft.slice(0, cut);
  const word = draft.slice(cut).toLowerCase();
  const [name = "", value] = word.split(":", 2);
  const field = fields.find((each) => each.name === name.replace(/^-/, ""));
  const words = value === undefined ? fields.map((each) => `${each.name}:`) : (field?.values ?? []).map((each) => writeTerm({ field: name, value: each, not: false, compare: "=" }));
  return words.filter((each) => each.toLowerCase().startsWith(word) && each !== word).slice(0, 50).map((each) => before + each);
}
