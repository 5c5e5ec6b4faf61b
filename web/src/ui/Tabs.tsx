import { Content, List, Root, Trigger } from "@radix-ui/react-tabs";
import type { ReactNode } from "react";

import styles from "./Tabs.module.css";

export type Tab<V extends string> = { value: V; label: string; count?: number; content: ReactNode };

/** The chosen tab belongs into the address: `value` comes from there. Only its content is rendered. */
export function Tabs<V extends string>({ label, value, onChange, tabs }: { label: string; value: V; onChange: (value: V) => void; tabs: readonly Tab<V>[] }) {
  return (
    <Root value={value} onValueChange={(next) => onChange(next as V)} activationMode="manual">
      <List aria-label={label} className={styles.list}>
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
