import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Schemas } from "../../api/client";
import { Button } from "../../ui/Button";
import { ChangeProblem, NoConfigFile } from "../../ui/Change";
import { Modal } from "../../ui/Dialog";
import { makeKey } from "./data";
import { EMPTY, hasField, newBody } from "./form";
import { KeyFields } from "./KeyFields";
import styles from "./keys.module.css";
import { ShownOnce } from "./ShownOnce";

const FORM = "create-key";

export function CreateKey({ hasFile, onClose }: { hasFile: boolean | undefined; onClose: () => void }) {
  const { t } = useTranslation("keys");
  const queries = useQueryClient();
  const [form, setForm] = useState(EMPTY);
  // Kept here and nowhere else: when this is closed it is gone.
  const [made, setMade] = useState<Schemas["AuthKeyMade"] | null>(null);
  const create = useMutation({
    mutationFn: () => makeKey(newBody(form)),
    gcTime: 0,
    onSuccess: (answer) => {
      setMade(answer);
      void queries.invalidateQueries({ queryKey: ["keys"] });
    },
  });
  if (made !== null) return <ShownOnce made={made} onClose={onClose} />;
  return (
    <Modal
      title={t("create.title")}
      width={620}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button kind="primary" type="submit" form={FORM} busy={create.isPending} disabled={hasFile === false}>
            {t("create.submit")}
          </Button>
        </>
      }
    >
      <form
        id={FORM}
        noValidate
        className={styles.stack}
        onSubmit={(event) => {
          event.preventDefault();
          if (hasFile !== false && !create.isPending) create.mutate();
        }}
      >
        {hasFile === false && <NoConfigFile />}
        {create.error !== null && <ChangeProblem error={create.error} atFields={hasField} />}
        <KeyFields form={form} set={(change) => setForm((before) => ({ ...before, ...change }))} error={create.error} />
      </form>
    </Modal>
  );
}
