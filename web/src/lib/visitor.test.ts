import { expect, it } from "vitest";

import { visitor } from "./visitor";

function page(content: string): ParentNode {
  const root = document.createElement("div");
  const meta = document.createElement("meta");
  meta.name = "aigw-visitor";
  meta.content = content;
  root.append(meta);
  return root;
}

it("reads what the gateway says of whoever asked for the page", () => {
  expect(visitor(page("signed-in password-set"))).toEqual({ signedIn: true, passwordSet: true });
  expect(visitor(page("password-set"))).toEqual({ signedIn: false, passwordSet: true });
  expect(visitor(page(""))).toEqual({ signedIn: false, passwordSet: false });
});

it("knows nothing where nobody has filled it in", () => {
  expect(visitor(page("__AIGW_VISITOR__"))).toBeNull();
  expect(visitor(document.createElement("div"))).toBeNull();
});
