/** Short messages about what has been done. What needs an answer is a modal. */
import { create } from "zustand";

import type { Tone } from "./Status";

export type ToastAction = { label: string; run: () => void };

export type ToastMessage = { id: number; tone: Tone; text: string; action?: ToastAction };

type Toasts = { list: readonly ToastMessage[] };

export const useToasts = create<Toasts>()(() => ({ list: [] }));

const MOST = 4;
let nextId = 1;

export function toast(tone: Tone, text: string, action?: ToastAction): number {
  const id = nextId;
  nextId += 1;
  useToasts.setState(({ list }) => ({ list: [...list, { id, tone, text, ...(action !== undefined && { action }) }].slice(-MOST) }));
  return id;
}

export function dismiss(id: number): void {
  useToasts.setState(({ list }) => ({ list: list.filter((each) => each.id !== id) }));
}
