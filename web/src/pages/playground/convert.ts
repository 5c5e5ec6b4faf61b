/** The same request for another format: what is in the form goes along, the rest stays behind. */
import type { WireFormat } from "../../lib/answer";
import type { Form } from "./form";

export function convert(form: Form, format: WireFormat): Form {
  if (form.format === format) return form;
  return {
    ...form,
    format,
    // Messages must be told how long an answer may be.
    maxTokens: format === "messages" ? (form.maxTokens ?? 1024) : form.maxTokens,
    messages: form.messages.map((message) => ({ ...message, parts: message.parts.filter((part) => part.kind !== "raw") })),
    extra: {},
  };
}
