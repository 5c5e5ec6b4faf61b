/**
 * The nonce of this page, for libraries that add `<style>` elements (CodeMirror:
 * `EditorView.cspNonce.of(cspNonce())`). Empty under the development server.
 */
export function cspNonce(): string {
  const value = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";
  return value.startsWith("__") ? "" : value;
}
