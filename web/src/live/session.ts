/** Who is signed in, and until when. */
import { create } from "zustand";

export type SessionState = {
  /** `unknown` until the gateway has been asked. */
  state: "unknown" | "signed-out" | "signed-in";
  username: string | null;
  /** Unix ms. */
  expiresAt: number | null;
  csrfToken: string | null;
  /** Null when the gateway has not said. */
  passwordSet: boolean | null;
  /** Whether the modal that keeps the page is asked for. */
  askAgain: boolean;

  /** Takes an answer of the `auth` endpoints. */
  take: (answer: Record<string, unknown>) => void;
  /** Opens the modal; resolves when it is over, with whether it signed in. */
  signInAgain: () => Promise<boolean>;
  /** The modal is over. */
  answered: (signedIn: boolean) => void;
};

let waiting: ((signedIn: boolean) => void)[] = [];

export const useSession = create<SessionState>()((set, get) => ({
  state: "unknown",
  username: null,
  expiresAt: null,
  csrfToken: null,
  passwordSet: null,
  askAgain: false,

  take(answer) {
    const passwordSet = typeof answer.password_set === "boolean" ? answer.password_set : get().passwordSet;
    if (answer.authenticated === false) {
      set({ state: "signed-out", username: null, expiresAt: null, csrfToken: null, passwordSet });
      return;
    }
    set({
      state: "signed-in",
      passwordSet,
      username: typeof answer.username === "string" ? answer.username : get().username,
      expiresAt: typeof answer.expires_in === "number" ? Date.now() + answer.expires_in * 1000 : get().expiresAt,
      csrfToken: typeof answer.csrf_token === "string" ? answer.csrf_token : get().csrfToken,
    });
  },

  signInAgain() {
    // On the sign-in page, or before anything was shown, there is no page to keep.
    if (get().state !== "signed-in") return Promise.resolve(false);
    set({ askAgain: true });
    return new Promise((resolve) => {
      waiting.push(resolve);
    });
  },

  answered(signedIn) {
    const told = waiting;
    waiting = [];
    set({ askAgain: false });
    for (const resolve of told) resolve(signedIn);
  },
}));
