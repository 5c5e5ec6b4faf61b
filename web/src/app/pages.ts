/** The pages in the order of the sidebar: what the shell says of each. */
import { Activity, Boxes, ChartLine, FileCog, KeyRound, LayoutDashboard, type LucideIcon, ScrollText, Server, Split, SquareTerminal, Waypoints } from "lucide-react";

export type PageName = "overview" | "metrics" | "requests" | "playground" | "providers" | "models" | "keys" | "routing" | "config" | "logs" | "system";

export type PagePath = "/" | "/metrics" | "/requests" | "/playground" | "/providers" | "/models" | "/keys" | "/routing" | "/config" | "/logs" | "/system";

export type PageEntry = {
  name: PageName;
  path: PagePath;
  icon: LucideIcon;
  /** The letter after `g`; metrics has none in the design, `m` is for models. */
  key?: string;
};

export const PAGES: readonly PageEntry[] = [
  { name: "overview", path: "/", icon: LayoutDashboard, key: "o" },
  { name: "metrics", path: "/metrics", icon: ChartLine },
  { name: "requests", path: "/requests", icon: Activity, key: "r" },
  { name: "playground", path: "/playground", icon: SquareTerminal, key: "p" },
  { name: "providers", path: "/providers", icon: Waypoints, key: "v" },
  { name: "models", path: "/models", icon: Boxes, key: "m" },
  { name: "keys", path: "/keys", icon: KeyRound, key: "k" },
  { name: "routing", path: "/routing", icon: Split, key: "t" },
  { name: "config", path: "/config", icon: FileCog, key: "c" },
  { name: "logs", path: "/logs", icon: ScrollText, key: "l" },
  { name: "system", path: "/system", icon: Server, key: "s" },
];
