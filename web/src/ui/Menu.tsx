import { CheckboxItem, Content, Item, ItemIndicator, Label, Portal, RadioGroup, RadioItem, Root, Separator, Trigger } from "@radix-ui/react-dropdown-menu";
import clsx from "clsx";
import { Check, type LucideIcon } from "lucide-react";
import type { ReactElement, ReactNode } from "react";

import { useLayerHost } from "./layer";
import styles from "./Popover.module.css";

export function Menu({ trigger, children, align = "end" }: { trigger: ReactElement; children: ReactNode; align?: "start" | "end" }) {
  const host = useLayerHost();
  return (
    // Not modal: it would lock scrolling with a style element of its own.
    <Root modal={false}>
      <Trigger asChild>{trigger}</Trigger>
      <Portal container={host}>
        <Content align={align} sideOffset={4} collisionPadding={8} className={styles.menu}>
          {children}
        </Content>
      </Portal>
    </Root>
  );
}

export type MenuItemProps = { onSelect: () => void; icon?: LucideIcon; hint?: string; danger?: boolean; disabled?: boolean; children: ReactNode };

export function MenuItem({ onSelect, icon: Icon, hint, danger = false, disabled = false, children }: MenuItemProps) {
  return (
    <Item onSelect={onSelect} disabled={disabled} className={clsx(styles.item, danger && styles.danger)}>
      {Icon !== undefined && <Icon size={15} aria-hidden />}
      {children}
      {hint !== undefined && <span className={styles.hint}>{hint}</span>}
    </Item>
  );
}

/** Stays open when chosen, for several in a row. */
export function MenuCheck({ checked, onChange, children }: { checked: boolean; onChange: (checked: boolean) => void; children: ReactNode }) {
  return (
    <CheckboxItem checked={checked} onCheckedChange={onChange} onSelect={(event) => event.preventDefault()} className={styles.item}>
      <span className={styles.check}>
        <ItemIndicator>
          <Check size={15} aria-hidden />
        </ItemIndicator>
      </span>
      {children}
    </CheckboxItem>
  );
}

export type MenuChoiceProps<V extends string> = { label: string; value: V; onChange: (value: V) => void; options: readonly { value: V; label: string }[] };

export function MenuChoice<V extends string>({ label, value, onChange, options }: MenuChoiceProps<V>) {
  return (
    <>
      <Label className={styles.label}>{label}</Label>
      <RadioGroup value={value} onValueChange={(next) => onChange(next as V)} aria-label={label}>
        {options.map((option) => (
          <RadioItem key={option.value} value={option.value} onSelect={(event) => event.preventDefault()} className={styles.item}>
            <span className={styles.check}>
              <ItemIndicator>
                <Check size={15} aria-hidden />
              </ItemIndicator>
            </span>
            {option.label}
          </RadioItem>
        ))}
      </RadioGroup>
    </>
  );
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <Label className={styles.label}>{children}</Label>;
}

export function MenuSeparator() {
  return <Separator className={styles.separator} />;
}
