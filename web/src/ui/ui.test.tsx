import { act, fireEvent, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { describe, expect, it, vi } from "vitest";

import { ApiError } from "../api/error";
import { EMPTY_FILTER, type Filter, parseFilter } from "../lib/filter";
import { shortcuts } from "../lib/shortcuts";
import { loadLayout, moveColumn } from "./columns";
import { stack } from "./chartData";
import { Confirm } from "./Confirm";
import { type Column, DataTable } from "./DataTable";
import { Drawer } from "./Dialog";
import { ErrorCard } from "./ErrorCard";
import { Field, Input } from "./Field";
import { linePath } from "./Figures";
import { FilterBar } from "./FilterBar";
import { JsonTree } from "./JsonTree";
import { LiveIndicator } from "./LiveIndicator";
import { Tabs } from "./Tabs";
import { ToastRegion } from "./Toast";
import { toast } from "./toasts";
import { TooltipProvider } from "./Tooltip";

const show = (element: React.ReactElement) => render(<TooltipProvider>{element}</TooltipProvider>);

document.addEventListener("keydown", (event) => shortcuts.handle(event));

type Item = { id: string; name: string };
const ITEMS: Item[] = Array.from({ length: 5000 }, (_, at) => ({ id: `r${at}`, name: `row ${at}` }));
const COLUMNS: Column<Item>[] = [
  { id: "id", label: "Id", cell: (row) => row.id },
  { id: "name", label: "Name", cell: (row) => row.name, sortable: true },
  { id: "extra", label: "Extra", cell: () => "x", hidden: true },
];

describe("a table", () => {
  const table = (more: Partial<React.ComponentProps<typeof DataTable<Item>>> = {}) => show(<DataTable name="t" label="Things" columns={COLUMNS} rows={ITEMS} rowKey={(row) => row.id} height={400} {...more} />);

  it("says how many rows there are and has few of them in the document", () => {
    table();
    expect(screen.getByRole("table", { name: "Things" })).toHaveAttribute("aria-rowcount", "5000");
    const rows = screen.getAllByRole("row");
    expect(rows.length).toBeLessThan(60);
    expect(rows[1]).toHaveAttribute("aria-rowindex", "2");
  });

  it("has one row in the tab order, which arrows and j, k move", async () => {
    table();
    const user = userEvent.setup();
    const tabbable = () => screen.getAllByRole("row").filter((row) => row.tabIndex === 0);
    expect(tabbable()).toHaveLength(1);
    act(() => tabbable()[0]?.focus());
    await user.keyboard("{ArrowDown}");
    await vi.waitFor(() => expect(document.activeElement).toHaveAttribute("data-key", "r1"));
    await user.keyboard("j");
    await vi.waitFor(() => expect(document.activeElement).toHaveAttribute("data-key", "r2"));
    await user.keyboard("k");
    await vi.waitFor(() => expect(document.activeElement).toHaveAttribute("data-key", "r1"));
    expect(tabbable()).toHaveLength(1);
  });

  it("opens a row by Enter and by a click, not by a click on a control in it", async () => {
    const onOpen = vi.fn();
    table({ onOpen, columns: [{ id: "id", label: "Id", cell: (row) => <button type="button">{row.id}</button> }] });
    const user = userEvent.setup();
    const row = screen.getAllByRole("row")[2]!;
    act(() => row.focus());
    await user.keyboard("{Enter}");
    expect(onOpen).toHaveBeenCalledWith(ITEMS[1]);
    await user.click(within(row).getByRole("button"));
    expect(onOpen).toHaveBeenCalledTimes(1);
    await user.click(row);
    expect(onOpen).toHaveBeenCalledTimes(2);
  });

  it("tells the page what to sort by, and shows what it is sorted by", async () => {
    const onSort = vi.fn();
    table({ onSort, sort: { column: "name", descending: true } });
    expect(screen.getByRole("columnheader", { name: /Name/ })).toHaveAttribute("aria-sort", "descending");
    await userEvent.setup().click(screen.getByRole("button", { name: "Name" }));
    expect(onSort).toHaveBeenCalledWith({ column: "name", descending: false });
  });

  it("hides, shows and widens columns, and remembers it", async () => {
    const first = table();
    const user = userEvent.setup();
    expect(screen.queryByRole("columnheader", { name: /Extra/ })).toBeNull();
    await user.click(screen.getByRole("button", { name: "Columns" }));
    await user.click(screen.getByRole("checkbox", { name: "Extra" }));
    await user.click(screen.getByRole("checkbox", { name: "Id" }));
    await user.keyboard("{Escape}");
    fireEvent.keyDown(screen.getByRole("separator", { name: "Width of column Name" }), { key: "ArrowRight" });
    first.unmount();
    table();
    expect(screen.getAllByRole("columnheader").map((head) => head.textContent)).toEqual(["Name", "Extra"]);
    expect(screen.getByRole("separator", { name: "Width of column Name" })).toHaveAttribute("aria-valuenow", "136");
  });

  it("fits a remembered layout to the columns there are", () => {
    localStorage.setItem("aigw.table.t", JSON.stringify({ order: ["c", "gone", "a", "a"], hidden: { a: true, gone: true }, sizes: { a: -1, c: 99 } }));
    expect(loadLayout("t", ["a", "b", "c"])).toEqual({ order: ["c", "a", "b"], hidden: { a: true, b: false, c: false }, sizes: { c: 99 } });
    localStorage.setItem("aigw.table.t", "{broken");
    expect(loadLayout("t", ["a"]).order).toEqual(["a"]);
  });

  it("moves a column past those that are hidden", () => {
    expect(moveColumn(["a", "h", "b"], "a", 1, (id) => id !== "h")).toEqual(["h", "b", "a"]);
    expect(moveColumn(["a", "b"], "b", 1, () => true)).toEqual(["a", "b"]);
  });
});

describe("a drawer", () => {
  function Page({ onClose }: { onClose: () => void }) {
    const [open, setOpen] = useState(false);
    const [at, setAt] = useState(1);
    const close = () => {
      setOpen(false);
      onClose();
    };
    return (
      <>
        <button type="button" onClick={() => setOpen(true)}>
          open
        </button>
        {open && (
          <Drawer name="d" title={`Row ${at}`} onClose={close} onNext={at < 2 ? () => setAt(at + 1) : undefined} onPrevious={() => setAt(at - 1)}>
            <input aria-label="inside" />
          </Drawer>
        )}
      </>
    );
  }

  it("goes on with J and K, closes, and gives the focus back", async () => {
    const onClose = vi.fn();
    show(<Page onClose={onClose} />);
    const user = userEvent.setup();
    await user.click(screen.getByRole("button", { name: "open" }));
    expect(screen.getByRole("dialog", { name: "Row 1" })).toBeVisible();
    // Not a button: that would put its tooltip over the text.
    expect(screen.getByRole("heading", { name: "Row 1" })).toHaveFocus();
    await user.keyboard("j");
    expect(screen.getByRole("dialog", { name: "Row 2" })).toBeVisible();
    expect(screen.getByRole("button", { name: "Next row (J)" })).toBeDisabled();
    await user.keyboard("K");
    expect(screen.getByRole("dialog", { name: "Row 1" })).toBeVisible();
    await user.type(screen.getByLabelText("inside"), "jk");
    expect(screen.getByRole("dialog", { name: "Row 1" })).toBeVisible();
    fireEvent(screen.getByRole("dialog"), new Event("cancel", { cancelable: true }));
    expect(onClose).toHaveBeenCalledTimes(1);
    expect(screen.getByRole("button", { name: "open" })).toHaveFocus();
  });

  it("is made wider by the keyboard, and stays so", async () => {
    const view = show(<Page onClose={() => undefined} />);
    await userEvent.setup().click(screen.getByRole("button", { name: "open" }));
    const grip = screen.getByRole("separator", { name: "Width of the panel" });
    fireEvent.keyDown(grip, { key: "ArrowRight" });
    const width = grip.getAttribute("aria-valuenow");
    view.unmount();
    show(<Page onClose={() => undefined} />);
    await userEvent.setup().click(screen.getByRole("button", { name: "open" }));
    expect(screen.getByRole("separator", { name: "Width of the panel" })).toHaveAttribute("aria-valuenow", width);
  });
});

it("does not delete until the name is typed", async () => {
  const onConfirm = vi.fn();
  show(
    <Confirm title="Delete key?" action="Delete key" danger name="ci" onConfirm={onConfirm} onClose={() => undefined}>
      412 requests used it.
    </Confirm>,
  );
  const user = userEvent.setup();
  await user.type(screen.getByLabelText("Type ci to go on"), "c{Enter}");
  expect(screen.getByRole("button", { name: "Delete key" })).toBeDisabled();
  expect(onConfirm).not.toHaveBeenCalled();
  await user.type(screen.getByLabelText("Type ci to go on"), "i{Enter}");
  expect(onConfirm).toHaveBeenCalledTimes(1);
});

describe("a filter bar", () => {
  const FIELDS = [{ name: "status", values: ["2xx", "429"] }, { name: "model" }];

  function Page({ start = EMPTY_FILTER, seen }: { start?: Filter; seen: (filter: Filter) => void }) {
    const [filter, setFilter] = useState(start);
    return (
      <FilterBar
        filter={filter}
        fields={FIELDS}
        example="status:429"
        onChange={(next) => {
          setFilter(next);
          seen(next);
        }}
      />
    );
  }

  it("makes chips of what is typed, and takes them away", async () => {
    const seen = vi.fn();
    show(<Page seen={seen} />);
    const user = userEvent.setup();
    await user.keyboard("/");
    expect(screen.getByRole("combobox", { name: "Filter" })).toHaveFocus();
    await user.keyboard("status:429 -model:x boom{Enter}");
    expect(seen).toHaveBeenLastCalledWith(parseFilter("status:429 -model:x boom", FIELDS));
    await user.click(screen.getByRole("button", { name: "Remove filter -model:x" }));
    expect(seen).toHaveBeenLastCalledWith(parseFilter("status:429 boom", FIELDS));
    await user.click(screen.getByRole("combobox", { name: "Filter" }));
    await user.keyboard("{Backspace}");
    expect(seen).toHaveBeenLastCalledWith(parseFilter("status:429", FIELDS));
    await user.click(screen.getByRole("button", { name: "Remove all filters" }));
    expect(seen).toHaveBeenLastCalledWith(EMPTY_FILTER);
  });
});

describe("the live indicator", () => {
  const base = { paused: false, waiting: 0, heardAt: null, onPause: () => undefined };

  it.each([
    [{ live: { state: "live" } as const }, "live"],
    [{ live: { state: "live" } as const, paused: true, waiting: 37 }, "paused, 37 waiting"],
    [{ live: { state: "waiting", retryAt: 0 } as const, heardAt: 1 }, /^stale since .*\d\d:\d\d:\d\d$/],
    [{ live: { state: "offline" } as const }, "offline"],
    [{ live: { state: "polling", reason: { kind: "refused" } } as const }, "every 5 s"],
  ])("says %j", (props, text) => {
    show(<LiveIndicator {...base} {...props} />);
    expect(screen.getByText(text)).toBeVisible();
  });

  it("counts down to the next try", () => {
    show(<LiveIndicator {...base} live={{ state: "waiting", retryAt: Date.now() + 3_900 }} />);
    expect(screen.getByText("reconnecting in 4 s")).toBeVisible();
  });

  it("is paused by p and by its button", async () => {
    const onPause = vi.fn();
    show(<LiveIndicator {...base} live={{ state: "live" }} onPause={onPause} />);
    const user = userEvent.setup();
    await user.keyboard("p");
    await user.click(screen.getByRole("button", { name: "Pause" }));
    expect(onPause.mock.calls).toEqual([[true], [true]]);
  });
});

it("shows an error with its reason, its id and a way on", async () => {
  const onRetry = vi.fn();
  show(<ErrorCard error={new ApiError(500, { error: "write_failed", message: "disk full <b>" }, "req-1")} onRetry={onRetry} />);
  const card = screen.getByRole("alert");
  expect(card).toHaveTextContent("disk full <b>");
  expect(card).toHaveTextContent("req-1");
  await userEvent.setup().click(screen.getByRole("button", { name: "Try again" }));
  expect(onRetry).toHaveBeenCalled();
});

it("ties label, note and error to their control", () => {
  show(
    <Field label="Name" note="As clients say it" error="must not be empty" required>
      {(control) => <Input {...control} />}
    </Field>,
  );
  const input = screen.getByRole("textbox", { name: /Name/ });
  expect(input).toBeInvalid();
  expect(input).toBeRequired();
  expect(input).toHaveAccessibleDescription("As clients say it must not be empty");
});

it("shows JSON as text, folded and cut", async () => {
  show(<JsonTree value={{ html: "<img src=x onerror=alert(1)>", long: "y".repeat(400), deep: { a: { b: { c: 1 } } }, none: null }} />);
  expect(screen.getByText('"<img src=x onerror=alert(1)>"')).toBeVisible();
  expect(document.querySelector("img")).toBeNull();
  await userEvent.setup().click(screen.getByRole("button", { name: "100 more characters" }));
  expect(screen.getByText(new RegExp("y{400}"))).toBeVisible();
});

it("chooses a tab by keyboard and renders that one alone", async () => {
  const onChange = vi.fn();
  show(<Tabs label="Parts" value="a" onChange={onChange} tabs={[{ value: "a", label: "A", content: "first" }, { value: "b", label: "B", content: "second" }]} />);
  expect(screen.queryByText("second")).toBeNull();
  const user = userEvent.setup();
  await user.click(screen.getByRole("tab", { name: "A" }));
  await user.keyboard("{ArrowRight}{Enter}");
  expect(onChange).toHaveBeenLastCalledWith("b");
});

it("says what has been done, politely, and can undo it", async () => {
  const undo = vi.fn();
  show(<ToastRegion />);
  act(() => void toast("ok", "Saved", { label: "Undo", run: undo }));
  expect(screen.getByText("Saved")).toBeVisible();
  await userEvent.setup().click(screen.getByRole("button", { name: "Undo" }));
  expect(undo).toHaveBeenCalled();
  expect(screen.queryByText("Saved")).toBeNull();
});

it("draws holes as holes, and stands areas on each other", () => {
  expect(linePath([0, 10, null, 5], 30, 10)).toBe("M0.0 10.0L10.0 0.0M28.5 5.0h3");
  const series = [1, 2].map((value) => ({ label: `${value}`, color: 1 as const, values: [value, null, value] }));
  expect(stack(series).map((each) => each.values)).toEqual([
    [3, null, 3],
    [1, null, 1],
  ]);
});
