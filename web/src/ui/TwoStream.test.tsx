import { act, fireEvent, render, screen, within } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";

import { ToastRegion } from "./Toast";
import { TooltipProvider } from "./Tooltip";
import { TwoStream } from "./TwoStream";
import type { StreamRow, Streams } from "./twoStream";

function row(number: number, change: Partial<StreamRow>): StreamRow {
  return { number, t_ms: number * 100, attempt: 1, cause: "upstream", upstream: "", upstream_cuts: [], events: [], client: "", client_t_ms: null, client_cuts: [], ...change };
}

const event = (type: string, summary: string) => ({ type, summary, choice: 0, part: 0, text: null });

const ROWS = [
  row(0, { upstream: 'event: message_start\ndata: {"type":"message_start"}\n\n', events: [event("answer_start", "start")], client: 'data: {"role":"assistant"}\n\n' }),
  row(1, { upstream: 'data: {"text":"Hel"}\n\n', upstream_cuts: [6], events: [event("text_delta", 'text += "Hel"')], client: 'data: {"content":"Hel"}\n\n' }),
  row(2, { upstream: 'event: ping\ndata: {"type":"ping"}\n\n' }),
  row(9, { upstream: "event: error\ndata: {}\n\n", events: [event("failure", "failure: overloaded: <b>busy</b>")], client: 'data: {"error":{}}\n\n' }),
  row(10, { cause: "end", events: [event("answer_end", "done")], client: "data: [DONE]\n\n" }),
];

function streams(rows: StreamRow[] = ROWS, change: Partial<Streams> = {}): Streams {
  return { total: rows.length, offset: 0, fidelity: "bytes", upstream_format: "messages", client_format: "chat", stream: true, cut: false, rows, ...change };
}

function show(props: Partial<Parameters<typeof TwoStream>[0]> = {}) {
  return render(
    <TooltipProvider>
      <TwoStream id="id-1" streams={streams()} {...props} />
      <ToastRegion />
    </TooltipProvider>,
  );
}

const rowsShown = () => within(screen.getByRole("table")).getAllByRole("row").slice(1);
const cells = (at: number) => within(rowsShown()[at]!).getAllByRole("cell").map((cell) => cell.textContent);

afterEach(() => vi.useRealTimers());

describe("the two-stream view", () => {
  it("is a table of what came, what it means and what was sent, with the formats named", () => {
    show();
    const heads = screen.getAllByRole("columnheader").map((head) => head.textContent);
    expect(heads).toEqual(["Time", "From upstream (messages)", "Meaning", "To client (chat)"]);
    expect(cells(1)).toEqual(["0.100", 'data: {"text":"Hel"}', 'text += "Hel"', 'data: {"content":"Hel"}']);
    expect(cells(2)[2]).toBe("keepalive");
    expect(cells(4)[1]).toBe("made of the end of the stream");
    expect(screen.getByText("Stream finished, 5 rows")).toBeInTheDocument();
  });

  it("shows what came over the wire as text", () => {
    const { container } = show();
    expect(screen.getByText("failure: overloaded: <b>busy</b>")).toBeInTheDocument();
    expect(container.querySelector("b")).toBeNull();
  });

  it("hides keepalives, lays JSON out and shows borders", () => {
    show();
    fireEvent.click(screen.getByRole("switch", { name: "Hide keepalives" }));
    expect(rowsShown()).toHaveLength(4);
    fireEvent.click(screen.getByRole("switch", { name: "Borders" }));
    expect(cells(1)[1]).toContain("data: ┊{");
    fireEvent.click(screen.getByRole("switch", { name: "Pretty" }));
    expect(cells(1)[1]).toBe('data: {\n  "text": "Hel"\n}');
    expect(screen.getByRole("switch", { name: "Borders" })).toBeDisabled();
  });

  it("says how much time passed, or draws it", () => {
    show();
    expect(screen.getByText(/700.*later/)).toBeInTheDocument();
    fireEvent.click(screen.getByRole("switch", { name: "Real time" }));
    expect(screen.queryByText(/later/)).toBeNull();
  });

  it("finds text on both sides and goes from hit to hit", () => {
    show();
    const box = screen.getByRole("searchbox", { name: "Search in both streams" });
    fireEvent.change(box, { target: { value: "hel" } });
    expect(document.querySelectorAll("mark")).toHaveLength(3);
    expect(screen.getByText("– of 1")).toBeInTheDocument();
    fireEvent.keyDown(box, { key: "Enter" });
    expect(screen.getByText("1 of 1")).toBeInTheDocument();
    fireEvent.change(box, { target: { value: "nothing like it" } });
    expect(screen.getByText("not found")).toBeInTheDocument();
    expect(screen.getByRole("button", { name: "Next match" })).toBeDisabled();
  });

  it("steps, plays back at the pace it came in, and shows all again", () => {
    vi.useFakeTimers();
    show();
    fireEvent.click(screen.getByRole("button", { name: "One step on" }));
    expect(rowsShown()).toHaveLength(1);
    fireEvent.change(screen.getByRole("combobox", { name: "Speed" }), { target: { value: "4" } });
    fireEvent.click(screen.getByRole("button", { name: "Play back" }));
    act(() => void vi.advanceTimersByTime(26));
    expect(rowsShown()).toHaveLength(2);
    fireEvent.click(screen.getByRole("button", { name: "Pause playback" }));
    act(() => void vi.advanceTimersByTime(5_000));
    expect(rowsShown()).toHaveLength(2);
    fireEvent.click(screen.getByRole("button", { name: "Show all" }));
    expect(rowsShown()).toHaveLength(5);
  });

  it("has one row in the tab order, and the arrows move on", () => {
    show();
    const stops = () => rowsShown().map((each) => each.tabIndex);
    expect(stops()).toEqual([0, -1, -1, -1, -1]);
    fireEvent.keyDown(rowsShown()[0]!, { key: "ArrowDown" });
    expect(stops()).toEqual([-1, 0, -1, -1, -1]);
  });

  it("says that it runs, and offers nothing that needs the end", () => {
    show({ running: true });
    expect(screen.getByText("The stream is running")).toBeInTheDocument();
    expect(screen.queryByRole("button", { name: "Play back" })).toBeNull();
    expect(screen.queryByRole("button", { name: "Take away" })).toBeNull();
  });

  it("says when there is nothing, and when it was cut", () => {
    const { unmount } = show({ streams: streams([]) });
    expect(screen.getByText("Nothing went over the wire")).toBeInTheDocument();
    unmount();
    show({ streams: streams(ROWS, { cut: true }) });
    expect(screen.getByText(/their ends are missing/)).toBeInTheDocument();
  });

  it("holds only what is in view of thousands of rows", () => {
    show({ streams: streams(Array.from({ length: 5_000 }, (_, at) => row(at, { upstream: `data: ${at}\n\n` }))) });
    expect(rowsShown().length).toBeLessThan(60);
    expect(screen.getByRole("table")).toHaveAttribute("aria-rowcount", "5001");
  });
});
