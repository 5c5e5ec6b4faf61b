import { ArrowLeft, ArrowRight, Columns3 } from "lucide-react";
import { useTranslation } from "react-i18next";

import { Button } from "./Button";
import { type ColumnLayout, moveColumn } from "./columns";
import styles from "./DataTable.module.css";
import { Checkbox } from "./Field";
import { IconButton } from "./IconButton";
import { Popover } from "./Popover";

export type ColumnPanelProps = {
  columns: readonly { id: string; label: string }[];
  layout: ColumnLayout;
  onChange: (layout: ColumnLayout) => void;
  onReset: () => void;
};

/** Which columns are shown, and in what order. */
export function ColumnPanel({ columns, layout, onChange, onReset }: ColumnPanelProps) {
  const { t } = useTranslation();
  const shown = layout.order.filter((id) => layout.hidden[id] !== true);
  const move = (id: string, by: -1 | 1) => onChange({ ...layout, order: moveColumn(layout.order, id, by, (each) => layout.hidden[each] !== true) });
  return (
    <Popover label={t("table.columnsHint")} align="end" trigger={<IconButton icon={Columns3} small label={t("table.columns")} tooltip={false} />}>
      <div className={styles.panel}>
        {layout.order.map((id) => {
          const label = columns.find((column) => column.id === id)?.label ?? id;
          const visible = layout.hidden[id] !== true;
          return (
            <div key={id} className={styles.panelRow}>
              <Checkbox
                label={label}
                checked={visible}
                // A table without columns could not be seen, nor mended.
                disabled={visible && shown.length === 1}
                onChange={() => onChange({ ...layout, hidden: { ...layout.hidden, [id]: visible } })}
              />
              <span className={styles.panelButtons}>
                <IconButton icon={ArrowLeft} small tooltip={false} label={t("table.moveLeft", { name: label })} disabled={!visible || shown[0] === id} onClick={() => move(id, -1)} />
                <IconButton icon={ArrowRight} small tooltip={false} label={t("table.moveRight", { name: label })} disabled={!visible || shown.at(-1) === id} onClick={() => move(id, 1)} />
              </span>
            </div>
          );
        })}
        <Button small onClick={onReset}>
          {t("table.resetColumns")}
        </Button>
      </div>
    </Popover>
  );
}
