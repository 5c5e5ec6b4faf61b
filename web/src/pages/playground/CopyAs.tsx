import { Copy } from "lucide-react";
import { useTranslation } from "react-i18next";

import { copyText } from "../../lib/clipboard";
import { LANGUAGES, snippet } from "../../lib/snippets";
import { Button } from "../../ui/Button";
import { Menu, MenuItem } from "../../ui/Menu";
import { toast } from "../../ui/toasts";
import { encode } from "./encode";
import type { Form } from "./form";

/** The request as a command or a program. */
export function CopyAs({ form }: { form: Form }) {
  const { t } = useTranslation("playground");
  return (
    <Menu align="start" trigger={<Button icon={Copy}>{t("copyAs")}</Button>}>
      {LANGUAGES.map((language) => (
        <MenuItem
          key={language}
          onSelect={() => {
            const code = snippet(language, { format: form.format, model: form.model, stream: form.stream, body: encode(form) }, location.origin);
            void copyText(code).then((ok) => toast(ok ? "ok" : "bad", ok ? t("copiedAs", { language: t(`languages.${language}`) }) : t("copyFailed")));
          }}
        >
          {t(`languages.${language}`)}
        </MenuItem>
      ))}
    </Menu>
  );
}
