/**
 * Where popovers are put: into the dialog they belong to, else into the page.
 * A modal dialog is in the browser's top layer, and everything outside is inert.
 */
import { createContext, useContext } from "react";

export const LayerHost = createContext<HTMLElement | null>(null);

export function useLayerHost(): HTMLElement | null {
  return useContext(LayerHost);
}
