import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Pencil, RotateCcw, Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";

import { api, call } from "../../api/client";
import { Banner } from "../../ui/Banner";
import { Button } from "../../ui/Button";
import { Drawer } from "../../ui/Dialog";
import { ErrorCard } from "../../ui/ErrorCard";
import { Switch } from "../../ui/Field";
import { Skeleton } from "../../ui/Skeleton";
import { toast } from "../../ui/toasts";
import { useProvider } from "./data";
import { DeleteProvider } from "./DeleteProvider";
import { Facts, Headers, Served } from "./Facts";
import { FetchedModels } from "./FetchedModels";
import type { Detail } from "./form";
import { HealthEvents } from "./HealthEvents";
import styles from "./panel.module.css";
import { type Health, healthOf } from "./standing";
import { StandingSentence, StandingWord } from "./StandingWord";
import { TrialPanel } from "./TrialPanel";

export type ProviderDrawerProps = {
  id: string;
  live: ReadonlyMap<string, Health>;
  /** As the list has it, which the switch changes first. */
  disabled: boolean | undefined;
  /** Why it cannot be changed here; undefined: it can. */
  locked: string | undefined;
  onSwitch: (enabled: boolean) => void;
  onEdit: () => void;
  onClose: () => void;
  onNext: (() => void) | undefined;
  onPrevious: (() => void) | undefined;
};

/** Everything about one credential, and what can be done with it. */
export function ProviderDrawer({ id, live, disabled, locked, onSwitch, onEdit, onClose, onNext, onPrevious }: ProviderDrawerProps) {
  const provider = useProvider(id);
  const { t } = useTranslation("providers");
  const [deleting, setDeleting] = useState(false);
  const detail = provider.data;
  return (
    <Drawer
      name="provider"
      title={detail?.name ?? t("drawer.loading")}
      onClose={onClose}
      onNext={onNext}
      onPrevious={onPrevious}
      returnTo={() => document.querySelector<HTMLElement>(`[data-provider="${CSS.escape(id)}"]`)}
      actions={
        detail !== undefined && (
          <>
            <Button icon={Trash2} disabled={locked !== undefined} onClick={() => setDeleting(true)}>
              {t("delete.action")}
            </Button>
            <Button kind="primary" icon={Pencil} disabled={locked !== undefined} onClick={onEdit}>
              {t("edit.action")}
            </Button>
          </>
        )
      }
    >
      {provider.error !== null && <ErrorCard error={provider.error} onRetry={() => void provider.refetch()} {...(detail !== undefined && { staleSince: provider.dataUpdatedAt })} />}
      {detail === undefined && provider.isPending && <Skeleton height={420} />}
      {detail !== undefined && <Panel key={id} detail={detail} health={healthOf(detail, live)} disabled={disabled ?? detail.disabled} locked={locked} onSwitch={onSwitch} />}
      {detail !== undefined && deleting && <DeleteProvider detail={detail} onClose={() => setDeleting(false)} onDeleted={onClose} />}
    </Drawer>
  );
}

type PanelProps = { detail: Detail; health: Health; disabled: boolean; locked: string | undefined; onSwitch: (enabled: boolean) => void };

function Panel({ detail, health, disabled, locked, onSwitch }: PanelProps) {
  const { t } = useTranslation("providers");
  const { id } = detail;
  const path = { params: { path: { id } } };
  const names = detail.models.map((model) => detail.prefix + (model.alias ?? model.id)).filter((name) => !/[*?]/.test(name));
  return (
    <div className={styles.sections}>
      {locked !== undefined && (
        <Banner tone="info" inline>
          {locked}
        </Banner>
      )}
      <section className={styles.bar} aria-label={t("section.state")}>
        <StandingWord disabled={disabled} health={health} />
        <p>
          <StandingSentence disabled={disabled} health={health} />
        </p>
        <ClearCooldown id={id} resting={!disabled && (health.state === "cooling" || health.state === "probation")} />
        {locked === undefined && <Switch label={t("enabled")} checked={!disabled} onChange={onSwitch} />}
      </section>
      <Section title={t("section.test")}>
        <TrialPanel models={names} send={(model, stream) => call(api.POST("/api/dashboard/providers/{id}/test", { ...path, body: { model, stream } }))} />
      </Section>
      <Section title={t("section.events")}>
        <HealthEvents id={id} stamp={`${health.state}/${health.until ?? 0}`} />
      </Section>
      <Section title={t("section.models")}>
        <div className={styles.stack}>
          <Served detail={detail} />
          <FetchedModels served={detail.models.map((model) => model.id)} fetchModels={() => call(api.POST("/api/dashboard/providers/{id}/models", path))} />
        </div>
      </Section>
      <Section title={t("section.headers")}>
        <Headers headers={detail.headers} />
      </Section>
      <Section title={t("section.settings")}>
        <Facts detail={detail} />
      </Section>
    </div>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title}>
      <div className={styles.heading}>
        <h3>{title}</h3>
      </div>
      {children}
    </section>
  );
}

function ClearCooldown({ id, resting }: { id: string; resting: boolean }) {
  const { t } = useTranslation("providers");
  const queries = useQueryClient();
  const clear = useMutation({
    mutationFn: () => call(api.DELETE("/api/dashboard/providers/{id}/cooldown", { params: { path: { id } } })),
    onSuccess: (answer) => toast("ok", answer.message),
    onError: (error) => toast("bad", t("clear.failed", { message: error.message })),
    onSettled: () => queries.invalidateQueries({ queryKey: ["providers"] }),
  });
  if (!resting && !clear.isPending) return null;
  return (
    <Button small icon={RotateCcw} busy={clear.isPending} onClick={() => clear.mutate()}>
      {t("clear.action")}
    </Button>
  );
}
