import { useTranslation } from "react-i18next";

import { ErrorCard } from "../ErrorCard";
import { Skeleton } from "../Skeleton";
import { TwoStream } from "../TwoStream";
import { useStreams } from "./data";

export function StreamsTab({ id }: { id: string }) {
  const { t } = useTranslation();
  const streams = useStreams(id, true);
  if (streams.data !== undefined) return <TwoStream id={id} streams={streams.data} height="min(60vh, 640px)" />;
  if (streams.isError) return <ErrorCard error={streams.error} onRetry={() => void streams.refetch()} />;
  return (
    <div role="status" aria-label={t("loading")}>
      <Skeleton height={480} />
    </div>
  );
}
