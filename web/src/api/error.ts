/**
 * What went wrong with a call, in the shape the gateway gives it:
 * `{"error": code, "message": text, "fields"?: [...], "version"?: text}`.
 */

export type FieldError = {
  /** JSON pointer into what was sent: `/models/0/alias`. */
  path: string;
  message: string;
};

export class ApiError extends Error {
  /** The code of the error, as in `validation_failed`; `unreachable` when there was no answer. */
  readonly error: string;
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly fields: readonly FieldError[];
  /** With 409: the version that is in force now. */
  readonly version: string | undefined;
  readonly requestId: string | undefined;
  /** The whole answer, for what only one caller knows of. */
  readonly body: Readonly<Record<string, unknown>>;

  constructor(status: number, body: Record<string, unknown>, requestId?: string) {
    super(typeof body.message === "string" ? body.message : `HTTP ${status}`);
    this.name = "ApiError";
    this.status = status;
    this.error = typeof body.error === "string" ? body.error : "unknown";
    this.version = typeof body.version === "string" ? body.version : undefined;
    const named = body.request_id;
    this.requestId = typeof named === "string" ? named : requestId;
    this.fields = Array.isArray(body.fields) ? body.fields.filter(isFieldError) : [];
    this.body = body;
  }

  static unreachable(cause: unknown): ApiError {
    const error = new ApiError(0, { error: "unreachable", message: cause instanceof Error ? cause.message : String(cause) });
    error.cause = cause;
    return error;
  }

  static async fromResponse(response: Response): Promise<ApiError> {
    const id = response.headers.get("x-request-id") ?? undefined;
    let text = "";
    try {
      text = await response.text();
      const body: unknown = JSON.parse(text);
      if (isRecord(body)) return new ApiError(response.status, body, id);
    } catch {
      // A proxy on the way has written it, or it broke off.
    }
    return new ApiError(response.status, { error: "unknown", message: text.slice(0, 300) || `HTTP ${response.status}` }, id);
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isFieldError(value: unknown): value is FieldError {
  return isRecord(value) && typeof value.path === "string" && typeof value.message === "string";
}

/** The message for a form field, by its JSON pointer. */
export function fieldError(error: unknown, path: string): string | undefined {
  return error instanceof ApiError ? error.fields.find((field) => field.path === path)?.message : undefined;
}
