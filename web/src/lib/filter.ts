/**
 * The filter grammar: `status:429 model:gpt-* -provider:x ttft:>500 "rate limit"`.
 *
 * A term is `field:value` for a field that the page knows, with `-` before it to
 * exclude, and `<`, `<=`, `>`, `>=` before the value of a field with an order.
 * Everything else is text to search for. The written form is also what stands in
 * the address (`?q=`), so there is one grammar and one place for a filter.
 *
 * `parseFilter(writeFilter(f))` is `f` for every filter; the other way, blanks and
 * needless quotes go.
 */

export type Comparison = "=" | "<" | "<=" | ">" | ">=";

export type Term = {
  field: string;
  value: string;
  not: boolean;
  compare: Comparison;
};

export type Filter = { terms: Term[]; text: string };

export type Field = {
  name: string;
  /** Whether `<` and `>` mean something; the value is then a number, perhaps with a unit. */
  ordered?: boolean;
  /** What to offer while typing. */
  values?: readonly string[];
};

export const EMPTY_FILTER: Filter = { terms: [], text: "" };

type Word = { raw: string; quoted: boolean };

/** Cuts at blanks outside quotes. In quotes, `\"` and `\\` stand for the character. */
function words(source: string): Word[] {
  const found: Word[] = [];
  let raw = "";
  let quoted = false;
  let started = false;
  for (let at = 0; at < source.length; at += 1) {
    const letter = source.charAt(at);
    if (quoted) {
      if (letter === "\\" && at + 1 < source.length) {
        at += 1;
        raw += source.charAt(at);
      } else if (letter === '"') {
        quoted = false;
      } else {
        raw += letter;
      }
    } else if (letter === '"' && (raw === "" || /[:<>=]$/.test(raw))) {
      quoted = true;
      started = true;
      raw += QUOTE;
    } else if (/\s/.test(letter)) {
      if (started || raw !== "") found.push(word(raw));
      raw = "";
      started = false;
    } else {
      raw += letter;
    }
  }
  if (started || raw !== "") found.push(word(raw));
  return found;
}

/** Marks where a quote began: what follows is no comparison, and at the start no term. */
const QUOTE = "\ue000";

function word(raw: string): Word {
  return { raw, quoted: raw.startsWith(QUOTE) };
}

const TERM = /^(-?)([a-z][a-z0-9_.-]*):(<=|>=|<|>)?\ue000?([^]*)$/i;

export function parseFilter(source: string, fields: readonly Field[]): Filter {
  const known = new Map(fields.map((field) => [field.name, field]));
  const terms: Term[] = [];
  const text: string[] = [];
  for (const { raw, quoted } of words(source.replaceAll(QUOTE, ""))) {
    const match = quoted ? null : TERM.exec(raw);
    const field = match === null ? undefined : known.get((match[2] ?? "").toLowerCase());
    if (match === null || field === undefined || match[4] === "") {
      const plain = raw.replaceAll(QUOTE, "");
      if (plain !== "") text.push(plain);
      continue;
    }
    const compare = field.ordered ? ((match[3] ?? "=") as Comparison) : "=";
    const value = field.ordered ? (match[4] ?? "") : (match[3] ?? "") + (match[4] ?? "");
    const term: Term = { field: field.name, value, not: match[1] === "-", compare };
    if (!terms.some((other) => sameTerm(other, term))) terms.push(term);
  }
  return { terms, text: text.join(" ") };
}

function quote(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

export function writeTerm(term: Term): string {
  const compare = term.compare === "=" ? "" : term.compare;
  // A value that would be read otherwise: blanks end it, "<" would compare.
  const plain = /^[^\s"<>=][^\s]*$/.test(term.value) && !term.value.endsWith('"');
  return `${term.not ? "-" : ""}${term.field}:${compare}${plain ? term.value : quote(term.value)}`;
}

export function writeFilter(filter: Filter): string {
  const text = filter.text
    .split(" ")
    .filter((piece) => piece !== "")
    .map((piece) => (/^-?[a-z][a-z0-9_.-]*:/i.test(piece) || piece.startsWith('"') ? quote(piece) : piece));
  return [...filter.terms.map(writeTerm), ...text].join(" ");
}

export function sameTerm(a: Term, b: Term): boolean {
  return a.field === b.field && a.value === b.value && a.not === b.not && a.compare === b.compare;
}

export function withTerm(filter: Filter, term: Term): Filter {
  return filter.terms.some((other) => sameTerm(other, term))
    ? filter
    : { ...filter, terms: [...filter.terms, term] };
}

export function withoutTerm(filter: Filter, term: Term): Filter {
  return { ...filter, terms: filter.terms.filter((other) => !sameTerm(other, term)) };
}

/** The only value that a field must equal, for a query that takes one. */
export function single(filter: Filter, field: string): string | undefined {
  const found = filter.terms.filter((term) => term.field === field && !term.not && term.compare === "=");
  return found.length === 1 ? found[0]?.value : undefined;
}

/** `gpt-*` and the like, against a whole text; case does not matter. */
export function matchesGlob(pattern: string, text: string): boolean {
  const parts = pattern.toLowerCase().split("*");
  const body = text.toLowerCase();
  if (parts.length === 1) return body === parts[0];
  const first = parts[0] ?? "";
  const last = parts[parts.length - 1] ?? "";
  if (!body.startsWith(first) || !body.endsWith(last) || body.length < first.length + last.length) return false;
  let at = first.length;
  const end = body.length - last.length;
  for (const middle of parts.slice(1, -1)) {
    const found = body.indexOf(middle, at);
    if (found === -1 || found + middle.length > end) return false;
    at = found + middle.length;
  }
  return true;
}
