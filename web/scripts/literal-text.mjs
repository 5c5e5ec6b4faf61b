// ESLint rule: text that a person sees or hears comes from the catalogue in
// src/i18n, so that a second language needs no search through components.

const SPOKEN = new Set(["aria-label", "aria-description", "aria-valuetext", "aria-roledescription", "title", "placeholder", "alt", "label"]);
const WORD = /\p{L}{2,}/u;

/** Names and codes that are the same in every language. */
const NOT_A_WORD = /^(aigw|POST|GET|PUT|PATCH|DELETE|JSON|YAML|CSV|JSONL|SSE|TTFT|URL|HTTP|ms|kB|KiB|MiB)$/;

function isText(value) {
  return typeof value === "string" && WORD.test(value) && !NOT_A_WORD.test(value.trim());
}

function literals(node) {
  if (node === null || node === undefined) return [];
  if (node.type === "Literal") return [[node, node.value]];
  if (node.type === "TemplateLiteral") return node.quasis.map((part) => [part, part.value.cooked]);
  if (node.type === "ConditionalExpression") return [...literals(node.consequent), ...literals(node.alternate)];
  if (node.type === "LogicalExpression") return [...literals(node.left), ...literals(node.right)];
  if (node.type === "JSXExpressionContainer") return literals(node.expression);
  return [];
}

/** @type {import("eslint").Rule.RuleModule} */
export default {
  meta: {
    type: "problem",
    messages: { literal: "“{{text}}” is text a person sees: put it into the catalogue (src/i18n/en)." },
    schema: [],
  },
  create(context) {
    function check(node) {
      for (const [place, value] of literals(node)) {
        if (isText(value)) context.report({ node: place, messageId: "literal", data: { text: value.trim().slice(0, 40) } });
      }
    }
    return {
      JSXText(node) {
        if (isText(node.value)) {
          context.report({ node, messageId: "literal", data: { text: node.value.trim().slice(0, 40) } });
        }
      },
      JSXAttribute(node) {
        if (SPOKEN.has(node.name.name)) check(node.value);
      },
      "JSXElement > JSXExpressionContainer"(node) {
        check(node.expression);
      },
    };
  },
};
