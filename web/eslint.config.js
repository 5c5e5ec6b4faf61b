import js from "@eslint/js";
import jsxA11y from "eslint-plugin-jsx-a11y";
import reactHooks from "eslint-plugin-react-hooks";
import globals from "globals";
import tseslint from "typescript-eslint";

import literalText from "./scripts/literal-text.mjs";

/** Which folders of src may not be imported from a folder: the arrows go one way. */
const ABOVE = {
  lib: ["api", "live", "ui", "pages", "app"],
  i18n: ["api", "live", "ui", "pages", "app"],
  api: ["ui", "pages", "app"],
  live: ["ui", "pages", "app"],
  ui: ["pages", "app"],
  pages: ["app"],
};

export default tseslint.config(
  { ignores: ["dist", "node_modules", "src/api/schema.d.ts"] },
  js.configs.recommended,
  {
    files: ["**/*.{ts,tsx}"],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      globals: globals.browser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { "react-hooks": reactHooks, "jsx-a11y": jsxA11y, aigw: { rules: { "literal-text": literalText } } },
    rules: {
      ...jsxA11y.flatConfigs.strict.rules,
      ...reactHooks.configs.recommended.rules,
      // TanStack's virtualizer is not for the compiler, which we do not use.
      "react-hooks/incompatible-library": "off",
      "aigw/literal-text": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/consistent-type-definitions": ["error", "type"],
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/only-throw-error": ["error", { allow: [{ from: "package", package: "@tanstack/router-core", name: ["Redirect", "NotFoundError"] }] }],
      "no-restricted-syntax": [
        "error",
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: "What came over a wire is text, never HTML." },
      ],
    },
  },
  ...Object.entries(ABOVE).map(([folder, above]) => ({
    files: [`src/${folder}/**/*.{ts,tsx}`],
    ignores: ["**/*.test.{ts,tsx}"],
    rules: {
      "no-restricted-imports": [
        "error",
        { patterns: [{ group: above.flatMap((name) => [`**/${name}/**`, `../${name}`, `**/${name}.tsx`]), message: `${folder} is below these` }] },
      ],
    },
  })),
  {
    files: ["src/pages/**/*.{ts,tsx}"],
    rules: {
      "no-restricted-imports": [
        "error",
        { patterns: [{ group: ["**/app/**", "**/pages/**", "../../pages/*", "../*/index.tsx"], message: "pages never import each other, nor the shell" }] },
      ],
    },
  },
  {
    files: ["**/*.test.{ts,tsx}", "e2e/**"],
    rules: {
      "aigw/literal-text": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
    },
  },
  { files: ["**/*.{js,mjs}"], languageOptions: { globals: globals.node } },
);
