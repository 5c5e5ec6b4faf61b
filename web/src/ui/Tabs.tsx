import { Content, List, Root, Trigger } from "@radix-ui/react-tabs";
import { type ReactNode, useEffect, useRef } from "react";

import styles from "./Tabs.module.css";

export type Tab<V extends string> = { value: V; label: string; count?: number; content: ReactNode };

/** The chosen tab belongs into the address: `value` comes from there. Only its content is rendered. */
export function Tabs<V extends string>({ label, value, onChange, tabs }: { label: string; value: V; onChange: (value: V) => void; tabs: readonly Tab<V>[] }) {
  const list = useRef<HTMLDivElement>(null);
  // Where there are more than fit, the chosen one must be in sight.
  useEffect(() => {
    const holder = list.current;
    const chosen = holder?.querySelector<HTMLElement>("[data-state=active]");
    if (!holder || !chosen) return;
    const left = chosen.offsetLeft - holder.offsetLeft;
    if (left < holder.scrollLeft || left + chosen.offsetWidth > holder.scrollLeft + holder.clientWidth) holder.scrollLeft = left - holder.clientWidth / 3;
  }, [value]);
  return (
    <Root value={value} onValueChange={(next) => onChange(next as V)} activationMode="manual">
      <List ref={list} aria-label={label} className={styles.list}>
        {tabs.map((tab) => (
          <Trigger key={tab.value} value={tab.value} className={styles.tab}>
            {tab.label}
            {tab.count !== undefined && <span className={styles.count}>{tab.count}</span>}
          </Trigger>
        ))}
      </List>
      {tabs.map((tab) => (
        <Content key={tab.value} value={tab.value} className={styles.panel}>
          {tab.content}
        </Content>
      ))}
    </Root>
  );
}
