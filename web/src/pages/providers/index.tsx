import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { addTexts } from "../../i18n";
import en from "../../i18n/en/providers";
import { buttonClass } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { ChangeProblem, NoConfigFile } from "../../ui/Change";
import { Modal } from "../../ui/Dialog";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorCard } from "../../ui/ErrorCard";
import { SkeletonRows } from "../../ui/Skeleton";
import { useHasFile } from "../../ui/useHasFile";
import { AddProvider } from "./AddProvider";
import { useHealth, useLastHour, usePresets, useProviders, useSwitch } from "./data";
import { EditProvider } from "./EditProvider";
import { PresetCards } from "./PresetCards";
import { ProviderDrawer } from "./ProviderDrawer";
import { ProviderTable } from "./ProviderTable";
import styles from "./panel.module.css";
import type { Search } from "./search";

addTexts("providers", en);

export function Page() {
  const { t } = useTranslation("providers");
  const { id, edit, add }: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const show = (search: Search) => void navigate({ to: ".", search: (before: object) => ({ ...before, id: undefined, edit: undefined, add: undefined, ...search }) } as never);
  const list = useProviders();
  const live = useHealth();
  const hour = useLastHour();
  const { hasFile, waiting } = useHasFile();
  const [refusal, setRefusal] = useState<unknown>(null);
  const flip = useSwitch(setRefusal);

  const providers = list.data?.providers;
  const own = providers?.filter((each) => each.origin !== "builtin");
  // In the order of the table, for J and K.
  const order = [...(providers ?? [])].sort((a, b) => rank(a.provider_type) - rank(b.provider_type));
  const at = order.findIndex((each) => each.id === id);
  const chosen = order[at];
  const beside = (step: number) => {
    const other = at < 0 ? undefined : order[at + step];
    return other === undefined ? undefined : () => show({ id: other.id });
  };
  const locked = hasFile === false ? t("locked.noFile") : undefined;
  const lockedOne = chosen === undefined || chosen.origin === "file" ? locked : t(`origin.${chosen.origin === "builtin" ? "builtin" : "environment"}`);

  if (waiting) return <SkeletonRows count={8} />;
  return (
    <div className={styles.stack}>
      {hasFile === false && <NoConfigFile />}
      {list.error !== null && <ErrorCard error={list.error} onRetry={() => void list.refetch()} {...(list.data !== undefined && { staleSince: list.dataUpdatedAt })} />}
      {(providers === undefined ? list.error === null : providers.length > 0) && (
        <Card
          title={t("title")}
          flush
          note={hour.error !== null ? t("window.failed", { message: hour.error.message }) : hour.data === null ? t("window.noLog") : t("window.hour")}
          actions={
            <Link to="." search={(before: object) => ({ ...before, add: "choose" })} className={buttonClass("primary", true)}>
              <Plus size={13} aria-hidden />
              {t("add.action")}
            </Link>
          }
        >
          {providers === undefined ? (
            <SkeletonRows count={6} />
          ) : (
            <ProviderTable providers={providers} live={live} hour={hour.data} selected={id} locked={locked} onSwitch={(provider, enabled) => flip.mutate({ id: provider.id, disabled: !enabled })} />
          )}
        </Card>
      )}
      {own?.length === 0 && <NothingYet />}
      {id !== undefined && edit === undefined && (
        <ProviderDrawer
          id={id}
          live={live}
          disabled={chosen?.disabled}
          locked={lockedOne}
          onSwitch={(enabled) => flip.mutate({ id, disabled: !enabled })}
          onEdit={() => show({ id, edit: "1" })}
          onClose={() => show({})}
          onNext={beside(1)}
          onPrevious={beside(-1)}
        />
      )}
      {id !== undefined && edit !== undefined && <EditProvider id={id} onDone={() => show({ id })} />}
      {add !== undefined && id === undefined && <AddProvider step={add} hasFile={hasFile} onStep={(step) => show({ add: step })} onClose={() => show({})} />}
      {refusal !== null && (
        <Modal title={t("switchFailed")} onClose={() => setRefusal(null)} width={720}>
          <ChangeProblem error={refusal} />
        </Modal>
      )}
    </div>
  );
}

const TYPES = ["claude", "openai", "gemini", "openai-compat", "echo"];

function rank(type: string): number {
  const found = TYPES.indexOf(type);
  return found < 0 ? TYPES.length : found;
}

/** Only the echo answers: where to begin. */
function NothingYet() {
  const { t } = useTranslation("providers");
  const presets = usePresets();
  const found = presets.data?.environment ?? [];
  return (
    <Card>
      <EmptyState title={t("empty.title")} icon={KeyRound}>
        {found.length > 0 ? t("empty.found", { names: found.join(", ") }) : t("empty.text")}
      </EmptyState>
      {presets.data !== undefined && <PresetCards presets={presets.data.presets} environment={found} />}
      {presets.error !== null && <ErrorCard error={presets.error} onRetry={() => void presets.refetch()} />}
    </Card>
  );
}
