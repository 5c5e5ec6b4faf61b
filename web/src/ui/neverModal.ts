/**
 * Stands in for two packages that the menu and the popover load for their modal kind: one
 * locks scrolling by a style element of its own, which the content security policy would
 * stop, the other hides what is outside. Ours are never modal (`Menu`, `Popover`), so nothing
 * of them runs, and without them 7 kB need not be loaded at first.
 */
import { Fragment } from "react";

export const RemoveScroll = Fragment;

export function hideOthers(): () => void {
  return () => undefined;
}
