import { Content, Portal, Provider, Root, Trigger } from "@radix-ui/react-tooltip";
import type { ReactElement, ReactNode } from "react";

import { useLayerHost } from "./layer";
import styles from "./Tooltip.module.css";

/** Once around the application: how long tooltips wait. */
export function TooltipProvider({ children }: { children: ReactNode }) {
  return (
    <Provider delayDuration={350} skipDelayDuration={150}>
      {children}
    </Provider>
  );
}

/** A hint at a control that takes the focus. It must not be the only place of a fact. */
export function Tooltip({ text, shortcut, children }: { text: ReactNode; shortcut?: string; children: ReactElement }) {
  const host = useLayerHost();
  return (
    <Root>
      <Trigger asChild>{children}</Trigger>
      <Portal container={host}>
        <Content sideOffset={6} collisionPadding={8} className={styles.tooltip}>
          {text}
          {shortcut !== undefined && <kbd>{shortcut}</kbd>}
        </Content>
      </Portal>
    </Root>
  );
}
