import { type ErrorComponentProps, Link, useLocation } from "@tanstack/react-router";
import { Compass, RotateCw } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Button, buttonClass } from "../ui/Button";
import { EmptyState } from "../ui/EmptyState";
import { ErrorCard } from "../ui/ErrorCard";
import { SkeletonRows } from "../ui/Skeleton";
import { ChunkError } from "../lib/chunks";
import styles from "./Shell.module.css";

/** What stands in a page's place when it has failed; the shell goes on. */
export function PageError({ error, reset }: ErrorComponentProps): ReactNode {
  const { t } = useTranslation("ui");
  if (error instanceof ChunkError) {
    return (
      <EmptyState
        title={t("error.chunk")}
        icon={RotateCw}
        actions={
          <Button kind="primary" onClick={() => location.reload()}>
            {t("error.reload")}
          </Button>
        }
      />
    );
  }
  return <ErrorCard error={error} title={t("error.crashed")} onRetry={reset} />;
}

/** The same before there is a shell: the gateway did not say who is signed in. */
export function StartError(props: ErrorComponentProps): ReactNode {
  return (
    <main className={styles.alone}>
      <ErrorCard error={props.error} onRetry={() => location.reload()} />
    </main>
  );
}

export function PagePending(): ReactNode {
  return <SkeletonRows />;
}

export function NotFound(): ReactNode {
  const { t } = useTranslation("shell");
  const { pathname } = useLocation();
  return (
    <EmptyState
      title={t("notFound.title")}
      icon={Compass}
      actions={
        <Link to="/" className={buttonClass("primary")}>
          {t("notFound.action")}
        </Link>
      }
    >
      {t("notFound.text", { path: pathname })}
    </EmptyState>
  );
}
