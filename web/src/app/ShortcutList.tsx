import { Fragment } from "react";
import { useTranslation } from "react-i18next";

import { keyLabel } from "../lib/shortcuts";
import { usePrefs } from "../live/prefs";
import { Banner } from "../ui/Banner";
import { Modal } from "../ui/Dialog";
import { PAGES } from "./pages";
import styles from "./ShortcutList.module.css";

type Line = { keys: string[]; text: string };

export function ShortcutList({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation("shell");
  const singleKeys = usePrefs((prefs) => prefs.singleKeys);
  const groups: { title: string; lines: Line[] }[] = [
    {
      title: t("keys.groupPage"),
      lines: [
        { keys: ["Mod+k"], text: t("keys.palette") },
        { keys: ["/"], text: t("keys.filter") },
        { keys: ["Space", "p"], text: t("keys.pause") },
        { keys: ["["], text: t("keys.shorter") },
        { keys: ["]"], text: t("keys.longer") },
        { keys: ["?"], text: t("keys.help") },
      ],
    },
    {
      title: t("keys.groupList"),
      lines: [
        { keys: ["j"], text: t("keys.next") },
        { keys: ["k"], text: t("keys.previous") },
        { keys: ["Enter"], text: t("keys.open") },
        { keys: ["Esc"], text: t("keys.close") },
        { keys: ["c"], text: t("keys.copyId") },
      ],
    },
    {
      title: t("keys.groupGo"),
      lines: PAGES.flatMap(({ name, key }) => (key === undefined ? [] : [{ keys: [`g ${key}`], text: t(`nav.${name}`) }])),
    },
  ];
  return (
    <Modal title={t("keys.title")} onClose={onClose} width={640}>
      {!singleKeys && (
        <Banner tone="warn" inline>
          {t("keys.off")}
        </Banner>
      )}
      <p className={styles.intro}>{t("keys.intro")}</p>
      <div className={styles.groups}>
        {groups.map((group) => (
          <section key={group.title} aria-label={group.title}>
            <h3 className={styles.title}>{group.title}</h3>
            <dl className={styles.list}>
              {group.lines.map((line) => (
                <Fragment key={line.text}>
                  <dt>
                    {line.keys.map((keys) => (
                      <span key={keys} className={styles.combination}>
                        {keyLabel(keys)
                          .split(" ")
                          .map((key) => (
                            <kbd key={key}>{key}</kbd>
                          ))}
                      </span>
                    ))}
                  </dt>
                  <dd>{line.text}</dd>
                </Fragment>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Modal>
  );
}
