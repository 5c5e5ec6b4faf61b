export const CONTROLS: Record<string, Record<string, Record<string, readonly string[]>>> = {
};
export function fits(listed: string, name: string): boolean {
  return listed === name;
}
