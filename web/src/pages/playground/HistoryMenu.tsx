import { History, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { duration, time } from "../../lib/format";
import { Button } from "../../ui/Button";
import { Popover } from "../../ui/Popover";
import { Status, statusTone } from "../../ui/Status";
import type { Past } from "./history";
import styles from "./playground.module.css";

/** What was sent from this browser, to be loaded again. */
export function HistoryMenu({ history, onPast, onForget }: { history: readonly Past[]; onPast: (past: Past) => void; onForget: () => void }) {
  const { t } = useTranslation("playground");
  const [open, setOpen] = useState(false);
  return (
    <Popover
      label={t("history.title")}
      align="end"
      open={open}
      onOpenChange={setOpen}
      trigger={
        <Button small kind="quiet" icon={History}>
          {t("history.button", { count: history.length })}
        </Button>
      }
    >
      <div className={styles.history}>
        <p className={styles.muted}>{history.length === 0 ? t("history.none") : t("history.note")}</p>
        <ul className={styles.pasts}>
          {history.map((past) => (
            <li key={past.id}>
              <button
                type="button"
                className={styles.past}
                aria-label={t("history.load", { model: past.model, time: time(past.at) })}
                onClick={() => {
                  setOpen(false);
                  onPast(past);
                }}
              >
                <span>{time(past.at)}</span>
                <strong>{past.model}</strong>
                <span className={styles.muted}>{past.format}</span>
                <Status tone={past.status === null ? "off" : statusTone(past.status)}>{past.stopped ? t("history.stopped") : (past.status ?? t("history.failed"))}</Status>
                <span className={styles.muted}>{duration(past.ms)}</span>
              </button>
            </li>
          ))}
        </ul>
        {history.length > 0 && (
          <Button small icon={Trash2} onClick={onForget}>
            {t("history.clear")}
          </Button>
        )}
      </div>
    </Popover>
  );
}
