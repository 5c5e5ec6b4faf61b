import { Command as Cmdk, CommandEmpty, CommandGroup, CommandInput, CommandItem, CommandList, defaultFilter } from "cmdk";
import type { LucideIcon } from "lucide-react";
import { useEffect, useRef } from "react";

import styles from "./CommandPalette.module.css";

export type Command = {
  id: string;
  label: string;
  icon?: LucideIcon;
  hint?: string;
  /** Made from what is typed: it always fits. */
  made?: boolean;
  run: () => void;
};

export type CommandPaletteProps = {
  label: string;
  placeholder: string;
  empty: string;
  text: string;
  onText: (text: string) => void;
  /** They keep this order; what fits best comes first in each. */
  groups: readonly { label: string; commands: readonly Command[] }[];
  onClose: () => void;
};

const MADE = "made";

function fitting(value: string, typed: string, keywords: readonly string[] = []): number {
  return keywords.includes(MADE) ? 1 : defaultFilter(value, typed);
}

/** A box to type into, and what fits below. Rendering it opens it. */
export function CommandPalette({ label, placeholder, empty, text, onText, groups, onClose }: CommandPaletteProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    element?.showModal();
    // The browser takes the box around it, which can have the focus too.
    element?.querySelector("input")?.focus();
    return () => {
      element?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    // A click beside the box closes it; Esc does the same for the keyboard.
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions
    <dialog
      ref={dialog}
      aria-label={label}
      className={styles.dialog}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <Cmdk label={label} loop filter={fitting} className={styles.box}>
        <CommandInput value={text} onValueChange={onText} placeholder={placeholder} className={styles.input} />
        <CommandList className={styles.list} label={label}>
          <CommandEmpty className={styles.empty}>{empty}</CommandEmpty>
          {groups.map(
            (group) =>
              group.commands.length > 0 && (
                <CommandGroup key={group.label} heading={group.label} className={styles.group}>
                  {group.commands.map(({ id, label: name, icon: Icon, hint, made = false, run }) => (
                    <CommandItem
                      key={id}
                      value={`${group.label} ${name}`}
                      {...(made && { keywords: [MADE] })}
                      className={styles.item}
                      onSelect={() => {
                        // Closed first: what runs may open a dialog of its own.
                        onClose();
                        run();
                      }}
                    >
                      {Icon !== undefined && <Icon size={15} aria-hidden />}
                      {name}
                      {hint !== undefined && <kbd className={styles.hint}>{hint}</kbd>}
                    </CommandItem>
                  ))}
                </CommandGroup>
              ),
          )}
        </CommandList>
      </Cmdk>
    </dialog>
  );
}
