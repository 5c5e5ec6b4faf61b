/**
 * Copies text. The clipboard interface exists only on secure origins, and a
 * gateway on a plain-HTTP address of a local network is not one; there the old
 * way through a selection still works.
 */
export async function copyText(text: string): Promise<boolean> {
  try {
    // Absent on insecure origins, whatever its type says.
    const clipboard = navigator.clipboard as Clipboard | undefined;
    if (clipboard !== undefined) {
      await clipboard.writeText(text);
      return true;
    }
  } catch {
    // Not allowed: try the other way.
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  // Inside an open dialog everything else is inert and cannot be selected.
  const host = document.querySelector("dialog[open]") ?? document.body;
  const focused = document.activeElement;
  host.append(area);
  area.select();
  try {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- the only way on an insecure origin
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    area.remove();
    if (focused instanceof HTMLElement) focused.focus();
  }
}
