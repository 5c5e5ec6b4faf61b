import { Link } from "@tanstack/react-router";
import { CircleHelp } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { ago, fullTime, money, tokens } from "../../lib/format";
import { requestQuery } from "../../lib/requestQuery";
import { Banner } from "../../ui/Banner";
import { Button, buttonClass } from "../../ui/Button";
import { CopyButton } from "../../ui/CopyButton";
import { Drawer } from "../../ui/Dialog";
import { Badge, Status } from "../../ui/Status";
import styles from "./models.module.css";
import type { Model } from "./rows";
import { capabilityWords, kindWord, matchWord, STANDING_TONE, standingWord } from "./words";

export type ModelDrawerProps = {
  model: Model;
  pricesDate: string;
  onClose: () => void;
  onNext: (() => void) | undefined;
  onPrevious: (() => void) | undefined;
  onAsk: (name: string) => void;
  returnTo: () => HTMLElement | null;
};

/** All that is known of one name. */
export function ModelDrawer({ model, pricesDate, onClose, onNext, onPrevious, onAsk, returnTo }: ModelDrawerProps) {
  const { t } = useTranslation("models");
  const plain = !model.name.includes("*");
  return (
    <Drawer
      name="model"
      title={t("drawer.title", { name: model.name })}
      onClose={onClose}
      onNext={onNext}
      onPrevious={onPrevious}
      returnTo={returnTo}
      tools={<CopyButton text={model.name} label={t("copy", { ns: "ui" })} iconOnly />}
      actions={
        <>
          <Link to="/requests" search={{ range: "7d", ...requestQuery({ model: model.name }) }} className={buttonClass("secondary")}>
            {t("drawer.requests")}
          </Link>
          {plain && (
            <Button kind="primary" icon={CircleHelp} onClick={() => onAsk(model.name)}>
              {t("drawer.ask")}
            </Button>
          )}
        </>
      }
    >
      <div className={styles.details}>
        {model.warnings.map((warning) => (
          <Banner key={warning.message} tone="warn" inline>
            {warning.message}
          </Banner>
        ))}
        <dl className={styles.facts}>
          <Fact name={t("table.kind")}>{kindWord(t, model.kind)}</Fact>
          <Fact name={t("table.resolves")}>
            <code>{model.resolves_to.join(", ")}</code>
          </Fact>
          <Fact name={t("drawer.used")}>{model.last_used === null ? t("table.never") : <span title={fullTime(model.last_used)}>{ago(model.last_used)}</span>}</Fact>
        </dl>
        <Targets model={model} />
        <section>
          <h3>{t("cap.label")}</h3>
          <Capabilities model={model} />
        </section>
        <section>
          <h3>{t("drawer.price")}</h3>
          <Price model={model} date={pricesDate} />
        </section>
      </div>
    </Drawer>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Targets({ model }: { model: Model }) {
  const { t } = useTranslation("models");
  return (
    <section>
      <h3>{t("drawer.targets")}</h3>
      {model.targets.length === 0 ? (
        <p className={styles.hint}>{t("drawer.noTargets")}</p>
      ) : (
        <ol className={styles.candidates}>
          {model.targets.map((target) => (
            <li key={`${target.id} ${target.model}`} className={styles.candidate}>
              <Status tone={STANDING_TONE[target.standing] ?? "info"}>{standingWord(t, target)}</Status>
              <span className={styles.who}>
                <Link to="/providers" search={{ id: target.id }}>{target.credential}</Link> {t("drawer.asks", { model: target.model })}
              </span>
              <span className={styles.why}>{t("drawer.target", { match: matchWord(t, target.match), priority: target.priority, weight: target.weight, format: target.format })}</span>
              <span />
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function Capabilities({ model }: { model: Model }) {
  const { t } = useTranslation("models");
  if (model.capabilities === null) return <p className={styles.hint}>{t("cap.unknown")}</p>;
  return (
    <>
      <p className={styles.badges}>
        {capabilityWords(t, model.capabilities).map((word) => (
          <Badge key={word}>{word}</Badge>
        ))}
        {model.capabilities.max_output !== null && <Badge>{t("cap.max_output", { tokens: tokens(model.capabilities.max_output) })}</Badge>}
      </p>
      <p className={styles.hint}>{t("cap.declared")}</p>
    </>
  );
}

function Price({ model, date }: { model: Model; date: string }) {
  const { t } = useTranslation("models");
  if (model.price === null) return <p className={styles.hint}>{t("table.unpriced")}</p>;
  const per = (value: number) => t("drawer.perMillion", { amount: money(value) });
  return (
    <>
      <dl className={styles.facts}>
        <Fact name={t("drawer.priceInput")}>{per(model.price.input)}</Fact>
        <Fact name={t("drawer.priceOutput")}>{per(model.price.output)}</Fact>
        <Fact name={t("drawer.priceRead")}>{per(model.price.cache_read)}</Fact>
        <Fact name={t("drawer.priceWrite")}>{per(model.price.cache_write)}</Fact>
      </dl>
      <p className={styles.hint}>{t("drawer.priceDate", { date })}</p>
    </>
  );
}
