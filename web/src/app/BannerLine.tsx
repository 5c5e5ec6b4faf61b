import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { isRecord } from "../api/error";
import { useLive } from "../live";
import { Banner } from "../ui/Banner";
import { Button } from "../ui/Button";

/** The version this page was loaded with; another one later means an upgrade in between. */
let loadedWith: string | null = null;

/** At most one line about the gateway as a whole: the gravest. */
export function BannerLine() {
  const { t } = useTranslation("shell");
  const config = useLive((live) => live.states.config);
  const health = useLive((live) => live.states.health);
  const version = useLive((live) => live.version);
  loadedWith ??= version;
  const state: Record<string, unknown> = { ...(isRecord(health) && health), ...(isRecord(config) && config) };

  if (typeof state.invalid === "string") {
    return (
      <Banner tone="bad" action={<Link to="/config">{t("banner.invalidLink")}</Link>}>
        {t("banner.invalid", { message: state.invalid })}
      </Banner>
    );
  }
  if (state.draining === true) return <Banner tone="warn">{t("banner.draining")}</Banner>;
  if (version !== null && loadedWith !== null && version !== loadedWith) {
    return (
      <Banner tone="info" action={<Button small onClick={() => location.reload()}>{t("banner.versionAction")}</Button>}>
        {t("banner.version", { server: version, page: loadedWith })}
      </Banner>
    );
  }
  if (state.pending === true) {
    return (
      <Banner tone="warn" action={<Link to="/config">{t("banner.pendingLink")}</Link>}>
        {t("banner.pending")}
      </Banner>
    );
  }
  if (state.open === true) {
    return (
      <Banner tone="warn" action={<Link to="/keys">{t("banner.openLink")}</Link>}>
        {t("banner.open")}
      </Banner>
    );
  }
  if (state.providers === 0) {
    return (
      <Banner tone="info" action={<Link to="/providers">{t("banner.noProvidersLink")}</Link>}>
        {t("banner.noProviders")}
      </Banner>
    );
  }
  return null;
}
