import { Content, Portal, Root, Trigger } from "@radix-ui/react-popover";
import type { ReactElement, ReactNode } from "react";

import { useLayerHost } from "./layer";
import styles from "./Popover.module.css";

export type PopoverProps = {
  trigger: ReactElement;
  /** The name of what opens. */
  label: string;
  children: ReactNode;
  open?: boolean;
  onOpenChange?: (open: boolean) => void;
  align?: "start" | "center" | "end";
};

export function Popover({ trigger, label, children, open, onOpenChange, align = "start" }: PopoverProps) {
  const host = useLayerHost();
  return (
    <Root {...(open !== undefined && { open })} {...(onOpenChange !== undefined && { onOpenChange })}>
      <Trigger asChild>{trigger}</Trigger>
      <Portal container={host}>
        <Content aria-label={label} align={align} sideOffset={4} collisionPadding={8} className={styles.popover}>
          {children}
        </Content>
      </Portal>
    </Root>
  );
}
