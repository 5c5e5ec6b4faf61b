/** Images inside a request of any format, to be shown small. Only what is in the body itself: nothing is fetched. */
export type FoundImage = { type: string; source: string; size: number };

const TYPES = /^image\/(png|jpeg|gif|webp)$/;
const MOST = 12;

export function imagesIn(value: unknown): FoundImage[] {
  const found: FoundImage[] = [];
  const add = (type: unknown, data: unknown) => {
    if (typeof type !== "string" || typeof data !== "string" || !TYPES.test(type) || !/^[A-Za-z0-9+/=]+$/.test(data)) return;
    found.push({ type, source: `data:${type};base64,${data}`, size: Math.floor((data.length * 3) / 4) });
  };
  const look = (each: unknown) => {
    if (found.length >= MOST) return;
    if (typeof each === "string") {
      const match = /^data:([^;,]+);base64,(.+)$/s.exec(each);
      if (match !== null) add(match[1], match[2]);
    } else if (Array.isArray(each)) {
      each.forEach(look);
    } else if (typeof each === "object" && each !== null) {
      const fields = each as Record<string, unknown>;
      add(fields.media_type ?? fields.mimeType ?? fields.mime_type, fields.data);
      Object.values(fields).forEach(look);
    }
  };
  look(value);
  return found;
}
