import { useTranslation } from "react-i18next";

import { duration } from "../../lib/format";
import { Banner } from "../../ui/Banner";
import { Card } from "../../ui/Card";
import { ErrorCard } from "../../ui/ErrorCard";
import { Skeleton } from "../../ui/Skeleton";
import { Badge, Status } from "../../ui/Status";
import { useWorkers, type Workers } from "./data";
import styles from "./system.module.css";

export function WorkersCard() {
  const { t } = useTranslation("system");
  const { data, error, isError, refetch } = useWorkers();
  if (data === undefined) {
    return <Card title={t("workers.title")}>{isError ? <ErrorCard error={error} onRetry={() => void refetch()} /> : <Skeleton height={88} />}</Card>;
  }
  const { kind, up, problem } = data.shared_state;
  const shared = t(up ? "workers.sharedUp" : "workers.sharedDown", { kind });
  return (
    <Card title={t("workers.title")} flush actions={<span className={styles.inline}>{t("workers.shared")} <Status tone={up ? "ok" : "bad"}>{problem === null ? shared : `${shared}: ${problem}`}</Status></span>}>
      {new Set(data.nodes.map((node) => node.config)).size > 1 && (
        <Banner tone="warn" inline>
          {t("workers.differ")}
        </Banner>
      )}
      <Nodes nodes={data.nodes} />
    </Card>
  );
}

function Nodes({ nodes }: { nodes: Workers["nodes"] }) {
  const { t } = useTranslation("system");
  return (
    // It scrolls sideways on small screens, so it takes the focus.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={styles.wide} tabIndex={0} role="region" aria-label={t("workers.title")}>
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">{t("workers.host")}</th>
            <th scope="col" className={styles.end}>{t("workers.pid")}</th>
            <th scope="col" className={styles.end}>{t("workers.worker")}</th>
            <th scope="col">{t("workers.state")}</th>
            <th scope="col" className={styles.end}>{t("workers.uptime")}</th>
            <th scope="col">{t("workers.version")}</th>
            <th scope="col">{t("workers.config")}</th>
          </tr>
        </thead>
        <tbody>
          {nodes.map((node) => (
            <tr key={node.id}>
              <td>
                {node.host} {node.self && <Badge>{t("workers.self")}</Badge>}
              </td>
              <td className={styles.end}>{node.pid}</td>
              <td className={styles.end}>{node.worker}</td>
              <td>{node.draining ? <Status tone="warn">{t("workers.draining")}</Status> : <Status tone="ok">{t("workers.running")}</Status>}</td>
              <td className={styles.end}>{duration(Math.round(node.uptime_seconds) * 1000)}</td>
              <td>{node.version}</td>
              <td>
                <code>{node.config}</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
