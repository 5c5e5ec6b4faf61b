import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useState } from "react";
import { useTranslation } from "react-i18next";

import { addTexts } from "../../i18n";
import en from "../../i18n/en/playground";
import { isWireFormat } from "../../lib/answer";
import { Banner } from "../../ui/Banner";
import { askedAgain, fetchDetail } from "../../ui/request/data";
import { Asking } from "./Asking";
import { decode } from "./decode";
import { encode } from "./encode";
import { emptyForm, type Form } from "./form";
import { loadHistory, type Past, saveHistory, withPast } from "./history";
import type { Play } from "./play";
import styles from "./playground.module.css";
import { Result } from "./Result";
import { usePlay } from "./usePlay";

addTexts("playground", en);

export function Page() {
  const { t } = useTranslation("playground");
  const { from, model } = useSearch({ strict: false });
  const navigate = useNavigate();
  const [form, setForm] = useState<Form>(() => ({ ...emptyForm(), ...(model !== undefined && { model }) }));
  const [credential, setCredential] = useState("");
  const [history, setHistory] = useState<Past[]>(loadHistory);
  const [example, setExample] = useState(false);

  const remember = useCallback(({ id, sent, status, total, state }: Play) => {
    setHistory((before) => {
      const after = withPast(before, { at: Date.now(), id, format: sent.format, model: sent.model, stream: sent.stream, body: sent.body, status, ms: total, stopped: state === "stopped" });
      saveHistory(after);
      return after;
    });
  }, []);
  const { state, recorded, start, stop } = usePlay(remember);

  const source = useQuery({ queryKey: ["playground", "from", from], queryFn: () => fetchDetail(from ?? ""), enabled: from !== undefined, staleTime: Infinity });
  const [taken, setTaken] = useState<string | null>(null);
  if (from !== undefined && source.data !== undefined && taken !== from) {
    const asked = askedAgain(source.data.entry, source.data.capture, "Hello");
    setTaken(from);
    setExample(asked.example);
    setForm(decode(asked.format, asked.body, { ...emptyForm(asked.format), model: asked.model, stream: asked.stream }));
  }
  if (from === undefined && taken !== null) setTaken(null);

  const running = state !== null && (state.state === "sending" || state.state === "running");
  const send = () => start({ format: form.format, model: form.model, stream: form.stream, credential, body: encode(form) });
  return (
    <div className={styles.page}>
      <div className={styles.left}>
        {from !== undefined && (
          <Banner tone={source.isError ? "bad" : example ? "warn" : "info"} inline>
            {source.isError ? t("loadFailed", { id: from, message: source.error.message }) : taken === from ? t(example ? "loadedExample" : "loaded", { id: from }) : t("loading", { id: from })}
          </Banner>
        )}
        <Asking
          form={form}
          onForm={setForm}
          credential={credential}
          onCredential={setCredential}
          running={running}
          onSend={send}
          onStop={stop}
          history={history}
          onPast={(past) => setForm(decode(past.format, past.body, { ...emptyForm(past.format), model: past.model, stream: past.stream }))}
          onForget={() => {
            setHistory([]);
            saveHistory([]);
          }}
          onReset={() => {
            setForm(emptyForm(isWireFormat(form.format) ? form.format : "chat"));
            setCredential("");
            if (from !== undefined || model !== undefined) void navigate({ to: "/playground", search: {} });
          }}
        />
      </div>
      <div className={styles.right}>
        <Result state={state} recorded={recorded} />
      </div>
    </div>
  );
}
