import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { ArrowLeft } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { ApiError } from "../../api/error";
import { Banner } from "../../ui/Banner";
import { Button } from "../../ui/Button";
import { ChangeProblem, ChangeReview, NoConfigFile } from "../../ui/Change";
import { Drawer } from "../../ui/Dialog";
import { ErrorCard } from "../../ui/ErrorCard";
import { Skeleton } from "../../ui/Skeleton";
import { toast } from "../../ui/toasts";
import { type Preview, previewNew, saveNew, usePresets } from "./data";
import { Discard } from "./Discard";
import { newBody, type Preset, presetForm } from "./form";
import styles from "./panel.module.css";
import { PresetCards } from "./PresetCards";
import { hasField } from "./ProviderFields";
import { SettingsForm } from "./SettingsForm";

const FORM = "add-provider";

export type AddProviderProps = {
  /** `choose`, or the preset to begin with. */
  step: string;
  hasFile: boolean | undefined;
  onStep: (step: string) => void;
  onClose: () => void;
};

/** Preset, settings with their test, the lines of the file, save. */
export function AddProvider({ step, hasFile, onStep, onClose }: AddProviderProps) {
  const { t } = useTranslation("providers");
  const presets = usePresets();
  const preset = presets.data?.presets.find((each) => each.id === step);
  if (preset !== undefined && presets.data !== undefined) {
    return <NewProvider key={step} preset={preset} environment={presets.data.environment} hasFile={hasFile} onBack={() => onStep("choose")} onClose={onClose} />;
  }
  return (
    <Drawer name="provider" title={t("add.title")} onClose={onClose}>
      <div className={styles.stack}>
        {hasFile === false && <NoConfigFile />}
        <p>{t("add.choose")}</p>
        {presets.error !== null && <ErrorCard error={presets.error} onRetry={() => void presets.refetch()} />}
        {presets.data === undefined && presets.error === null && <Skeleton height={280} />}
        {presets.data !== undefined && <PresetCards presets={presets.data.presets} environment={presets.data.environment} />}
      </div>
    </Drawer>
  );
}

type NewProviderProps = { preset: Preset; environment: readonly string[]; hasFile: boolean | undefined; onBack: () => void; onClose: () => void };

function NewProvider({ preset, environment, hasFile, onBack, onClose }: NewProviderProps) {
  const { t } = useTranslation("providers");
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [form, setForm] = useState(() => presetForm(preset, environment));
  const [touched, setTouched] = useState(false);
  const [leaving, setLeaving] = useState(false);
  const [preview, setPreview] = useState<Preview | null>(null);
  const [meanwhile, setMeanwhile] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const review = useMutation({
    mutationFn: () => previewNew(newBody(form)),
    onSuccess: (found) => {
      setPreview(found);
      setError(null);
    },
    onError: (problem) => {
      setPreview(null);
      setError(problem);
    },
  });
  const save = useMutation({
    mutationFn: (version: string) => saveNew(newBody(form), version),
    onSuccess: (made) => {
      toast("ok", t("add.done", { name: made.name }));
      void queries.invalidateQueries({ queryKey: ["providers"] });
      void navigate({ to: ".", search: (before: object) => ({ ...before, add: undefined, id: made.id }) } as never);
    },
    onError: (problem) => {
      if (problem instanceof ApiError && problem.error === "config_conflict") {
        // It does not touch what others did: show the lines as they would be now.
        setMeanwhile(true);
        review.mutate();
        return;
      }
      setPreview(null);
      setError(problem);
    },
  });
  const close = () => (touched ? setLeaving(true) : onClose());
  return (
    <Drawer
      name="provider"
      title={t("add.titleOf", { name: preset.name })}
      onClose={close}
      actions={
        preview === null ? (
          <>
            <Button icon={ArrowLeft} onClick={onBack}>
              {t("add.back")}
            </Button>
            <Button kind="primary" type="submit" form={FORM} busy={review.isPending} disabled={hasFile === false}>
              {t("review")}
            </Button>
          </>
        ) : (
          <>
            <Button icon={ArrowLeft} onClick={() => setPreview(null)}>
              {t("backToForm")}
            </Button>
            <Button kind="primary" busy={save.isPending || review.isPending} onClick={() => save.mutate(preview.version)}>
              {t("save")}
            </Button>
          </>
        )
      }
    >
      <div className={styles.stack}>
        {hasFile === false && <NoConfigFile />}
        {error !== null && <ChangeProblem error={error} atFields={hasField(form)} />}
        {preview !== null && meanwhile && (
          <Banner tone="warn" inline>
            <span role="alert">{t("add.meanwhile")}</span>
          </Banner>
        )}
        {preview !== null && <ChangeReview preview={preview} />}
        {/* It stays as it is while the lines are looked at. */}
        <div hidden={preview !== null}>
          <SettingsForm
            id={FORM}
            form={form}
            set={(change) => {
              setTouched(true);
              setForm((before) => ({ ...before, ...change }));
            }}
            error={error}
            preset={preset}
            environment={environment}
            onSubmit={() => review.mutate()}
            onError={setError}
          />
        </div>
      </div>
      {leaving && <Discard onDiscard={onClose} onClose={() => setLeaving(false)} />}
    </Drawer>
  );
}
