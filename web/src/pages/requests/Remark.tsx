import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { components } from "../../api/schema";
import { count } from "../../lib/format";
import type { Range } from "../../lib/range";
import { bounds } from "../../lib/range";
import { Button } from "../../ui/Button";
import styles from "./requests.module.css";
import type { ListRow } from "./rows";
import { loadSpan } from "./useRequests";

type Retention = components["schemas"]["Retention"];

/** A row that is no request: a hole in what came live, or the end of the list. */
export function Remark({ row, retention, range }: { row: ListRow & { kind: "gap" | "end" }; retention: Retention | undefined; range: Range }) {
  return row.kind === "gap" ? <Gap from={row.span.from} to={row.span.to} /> : <End retention={retention} range={range} />;
}

function Gap({ from, to }: { from: number; to: number }) {
  const { t } = useTranslation("requests");
  const [state, setState] = useState<{ busy: boolean; error: string | null }>({ busy: false, error: null });
  const load = () => {
    setState({ busy: true, error: null });
    loadSpan({ from, to }).catch((error: unknown) => setState({ busy: false, error: error instanceof Error ? error.message : String(error) }));
  };
  return (
    <span className={styles.gap}>
      <strong>{t("gap", { count: to - from + 1 })}</strong>
      {state.error !== null && <span>{t("gapFailed", { message: state.error })}</span>}
      <Button small busy={state.busy} onClick={load}>
        {t("gapLoad")}
      </Button>
    </span>
  );
}

function End({ retention, range }: { retention: Retention | undefined; range: Range }) {
  const { t } = useTranslation("requests");
  const [opened] = useState(() => Date.now());
  const from = bounds(range, opened).from;
  // Older ones than the range asks for are still kept.
  if (retention?.max_rows == null || retention.oldest === null || retention.oldest < from) return <span>{t("end.range")}</span>;
  const limit = [t("end.rows", { number: count(retention.max_rows) }), retention.days === null ? null : t("end.days", { count: retention.days })].filter((each) => each !== null).join(" / ");
  return (
    <span>
      {t("end.retention", { limit })} <Link to="/config">{t("end.config")}</Link>
    </span>
  );
}
