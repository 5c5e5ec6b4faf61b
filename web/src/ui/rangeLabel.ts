import { useTranslation } from "react-i18next";

import { duration, time } from "../lib/format";
import { type Range, RANGES, writeRange } from "../lib/range";

/** In words what a range is: for the header, and for the window of a number. */
export function useRangeLabel(range: Range): string {
  const { t } = useTranslation();
  if (range.kind === "between") return t("window.between", { from: time(range.from), to: time(range.to) });
  const name = RANGES.find((each) => each === writeRange(range));
  return name !== undefined ? t(`range.${name}`) : t("range.other", { span: duration(range.seconds * 1000) });
}
