import { Link, useLocation } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { load, save } from "../lib/storage";
import { useLive } from "../live";
import { readConfig, readHealth } from "../live/states";
import { Banner } from "../ui/Banner";
import { Button } from "../ui/Button";

/** The version this page was loaded with; another one later means an upgrade in between. */
let loadedWith: string | null = null;

/** At most one line about the gateway as a whole: the gravest. */
export function BannerLine() {
  const { t } = useTranslation("shell");
  const now = useLive((live) => live.states.config);
  // What it was the last time, until the gateway says: a line that comes late pushes the page down.
  const [before] = useState(() => load("shell.config"));
  const config = now ?? before;
  useEffect(() => {
    if (now !== undefined) save("shell.config", now);
  }, [now]);
  const health = useLive((live) => live.states.health);
  const version = useLive((live) => live.version);
  const overview = useLocation({ select: (location) => location.pathname === "/" });
  loadedWith ??= version;
  const { problem, restart, openToAll, providers } = readConfig(config);

  if (problem !== null) {
    return (
      <Banner tone="bad" action={<Link to="/config" search={problem.line === null ? {} : { line: String(problem.line) }}>{t("banner.invalidLink")}</Link>}>
        {problem.line === null ? t("banner.invalid", { message: problem.message }) : t("banner.invalidAt", { message: problem.message, line: problem.line })}
      </Banner>
    );
  }
  if (readHealth(health).draining) return <Banner tone="warn">{t("banner.draining")}</Banner>;
  if (version !== null && loadedWith !== null && version !== loadedWith) {
    return (
      <Banner
        tone="info"
        action={
          <Button small onClick={() => location.reload()}>
            {t("banner.versionAction")}
          </Button>
        }
      >
        {t("banner.version", { server: version, page: loadedWith })}
      </Banner>
    );
  }
  if (openToAll) {
    return (
      <Banner tone="warn" action={<Link to="/keys" search={{ add: "1" }}>{t("banner.openLink")}</Link>}>
        {t("banner.open")}
      </Banner>
    );
  }
  const [first] = restart;
  if (first !== undefined) {
    return (
      <Banner tone="warn" action={<Link to="/config" search={{ at: first }}>{t("banner.restartLink")}</Link>}>
        {t("banner.restart", { keys: restart.join(", ") })}
      </Banner>
    );
  }
  // The verdict of the overview says the same.
  if (providers === 0 && !overview) {
    return (
      <Banner tone="info" action={<Link to="/providers" search={{ add: "choose" }}>{t("banner.noProvidersLink")}</Link>}>
        {t("banner.noProviders")}
      </Banner>
    );
  }
  return null;
}
