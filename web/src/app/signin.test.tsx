import { QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, RouterProvider } from "@tanstack/react-router";
import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";

import { makeQueryClient } from "../api/query";
import { makeRouter } from "./router";
import { useSession } from "../live/session";
import { answer, json } from "../test/gateway";
import { TooltipProvider } from "../ui/Tooltip";

const SESSION = "GET /api/dashboard/auth/session";
const SIGNED_OUT = { authenticated: false, username: null, expires_in: null, csrf_token: null, password_set: true };
const SIGNED_IN = { authenticated: true, username: "admin", expires_in: 3600, csrf_token: "token-1", password_set: true };

function open(address: string) {
  const router = makeRouter();
  router.update({ ...router.options, history: createMemoryHistory({ initialEntries: [`/dashboard${address}`] }) });
  render(
    <QueryClientProvider client={makeQueryClient()}>
      <TooltipProvider>
        <RouterProvider router={router} />
      </TooltipProvider>
    </QueryClientProvider>,
  );
  return router;
}

it("leads to the form, and after it to where one was going", async () => {
  const gateway = answer({ [SESSION]: SIGNED_OUT, "POST /api/dashboard/auth/login": SIGNED_IN });
  const router = open("/system?range=1h");
  const user = userEvent.setup();
  await user.type(await screen.findByLabelText("User name"), "admin");
  await user.type(screen.getByLabelText("Password"), "correct horse");
  await user.click(screen.getByRole("button", { name: "Sign in" }));
  expect(await screen.findByRole("heading", { level: 1, name: "System" })).toBeVisible();
  expect(router.state.location.href).toBe("/system?range=1h");
  expect(gateway.calls.find((call) => call.path.endsWith("/login"))?.body).toEqual({ username: "admin", password: "correct horse" });
  expect(useSession.getState().csrfToken).toBe("token-1");
});

it("asks nothing where the page says that nobody is signed in", async () => {
  const meta = document.createElement("meta");
  meta.name = "aigw-visitor";
  meta.content = "";
  document.head.append(meta);
  const gateway = answer({});
  open("/system");
  expect(await screen.findByText("aigw hash-password")).toBeVisible();
  expect(gateway.calls).toEqual([]);
  meta.remove();
});

it("says how many attempts are left, and keeps what was typed", async () => {
  answer({
    [SESSION]: SIGNED_OUT,
    "POST /api/dashboard/auth/login": json(401, { error: "invalid_credentials", message: "the name or the password is wrong; 3 attempts are left" }),
  });
  open("/login");
  const user = userEvent.setup();
  await user.type(await screen.findByLabelText("User name"), "admin");
  await user.type(screen.getByLabelText("Password"), "wrong{Enter}");
  await waitFor(() => expect(screen.getByRole("alert")).toHaveTextContent("The name or the password is wrong; 3 attempts are left."));
  expect(screen.getByLabelText("Password")).toHaveValue("wrong");
});

it("counts down while it is locked", async () => {
  answer({ [SESSION]: SIGNED_OUT, "POST /api/dashboard/auth/login": json(429, { error: "too_many_attempts", message: "too many", retry_after: 61 }) });
  open("/login");
  const user = userEvent.setup();
  await user.type(await screen.findByLabelText("User name"), "admin");
  await user.type(screen.getByLabelText("Password"), "wrong{Enter}");
  await waitFor(() => expect(screen.getByRole("alert")).toHaveTextContent(/Try again in 1:0[01]/));
});

it("shows the password on demand", async () => {
  answer({ [SESSION]: SIGNED_OUT });
  open("/login");
  const user = userEvent.setup();
  const field = await screen.findByLabelText("Password");
  expect(field).toHaveAttribute("type", "password");
  await user.click(screen.getByRole("button", { name: "Show password" }));
  expect(field).toHaveAttribute("type", "text");
});

it("asks for what is missing without asking the gateway", async () => {
  const gateway = answer({ [SESSION]: SIGNED_OUT });
  open("/login");
  await userEvent.setup().click(await screen.findByRole("button", { name: "Sign in" }));
  expect(screen.getByRole("alert")).toHaveTextContent("Enter user name and password.");
  expect(gateway.calls.filter((call) => call.method === "POST")).toHaveLength(0);
});

it("tells how to set a password where none is set", async () => {
  answer({ [SESSION]: { ...SIGNED_OUT, password_set: false } });
  open("/login");
  expect(await screen.findByText("aigw hash-password")).toBeVisible();
  expect(screen.getByText(/password-hash/)).toBeVisible();
});

it("signs in with a link, once, and takes it out of the address", async () => {
  history.replaceState(null, "", "/dashboard/login#link=one-time");
  const gateway = answer({ [SESSION]: SIGNED_OUT, "POST /api/dashboard/auth/link": SIGNED_IN });
  open("/login");
  expect(await screen.findByRole("heading", { level: 1, name: "Overview" })).toBeVisible();
  expect(location.hash).toBe("");
  expect(gateway.calls.filter((call) => call.path.endsWith("/link")).map((call) => call.body)).toEqual([{ token: "one-time" }]);
});

it("says why a link does not work, and offers the form", async () => {
  history.replaceState(null, "", "/dashboard/login#link=used");
  answer({ [SESSION]: SIGNED_OUT, "POST /api/dashboard/auth/link": json(401, { error: "invalid_link", message: "It has been used." }) });
  open("/login");
  expect(await screen.findByText(/It has been used\./)).toBeVisible();
  expect(screen.getByLabelText("User name")).toBeVisible();
});
