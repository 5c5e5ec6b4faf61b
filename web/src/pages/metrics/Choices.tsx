import { useTranslation } from "react-i18next";

import { Field, Select } from "../../ui/Field";
import styles from "./metrics.module.css";
import { type Dimension, DIMENSIONS, type Percentile, PERCENTILES } from "./search";

/** What series are told apart by, and which percentile of latencies is drawn. */
export function Choices({ by, percentile, onBy, onPercentile }: { by: Dimension; percentile: Percentile; onBy: (by: Dimension) => void; onPercentile: (percentile: Percentile) => void }) {
  const { t } = useTranslation("metrics");
  return (
    <div className={styles.choices}>
      <Field label={t("by.label")}>
        {(control) => <Select {...control} small value={by} onChange={(event) => onBy(event.target.value as Dimension)} options={DIMENSIONS.map((value) => ({ value, label: t(`by.${value}`) }))} />}
      </Field>
      <Field label={t("percentile.label")}>
        {(control) => (
          <Select {...control} small value={percentile} onChange={(event) => onPercentile(event.target.value as Percentile)} options={PERCENTILES.map((value) => ({ value, label: t(`percentile.${value}`) }))} />
        )}
      </Field>
    </div>
  );
}
