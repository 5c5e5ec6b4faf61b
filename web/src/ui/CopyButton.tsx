import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { copyText } from "../lib/clipboard";
import { Button, type ButtonKind } from "./Button";
import { IconButton } from "./IconButton";
import { toast } from "./toasts";

export type CopyButtonProps = {
  /** The text, or how to make it: nothing is built until it is wanted. */
  text: string | (() => string);
  /** What is copied. With `iconOnly` it is the name of the button. */
  label: string;
  iconOnly?: boolean;
  small?: boolean;
  kind?: ButtonKind;
};

export function CopyButton({ text, label, iconOnly = false, small = false, kind }: CopyButtonProps) {
  const { t } = useTranslation();
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => setDone(false), 1500);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = () => {
    void copyText(typeof text === "string" ? text : text()).then((ok) => {
      setDone(ok);
      if (!ok) toast("bad", t("copyFailed"));
    });
  };
  if (iconOnly) return <IconButton icon={done ? Check : Copy} label={done ? t("copied") : label} small={small} kind={kind ?? "quiet"} onClick={copy} />;
  return (
    <Button icon={done ? Check : Copy} small={small} kind={kind ?? "secondary"} onClick={copy}>
      {done ? t("copied") : label}
    </Button>
  );
}
