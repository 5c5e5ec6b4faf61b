import { Root, Thumb } from "@radix-ui/react-switch";
import clsx from "clsx";
import { type ComponentProps, type ReactNode, useId } from "react";
import { useTranslation } from "react-i18next";

import styles from "./Field.module.css";

/** What a field gives its control, so that label, note and error belong to it. */
export type ControlProps = { id: string; "aria-describedby"?: string; "aria-invalid"?: true; "aria-required"?: true };

export type FieldProps = {
  label: string;
  note?: ReactNode;
  /** What is wrong, at the field; said aloud by the form, not here. */
  error?: string | undefined;
  required?: boolean;
  /** For fields whose place says what they are; the label stays for screen readers. */
  hideLabel?: boolean;
  children: (control: ControlProps) => ReactNode;
};

export function Field({ label, note, error, required = false, hideLabel = false, children }: FieldProps) {
  const { t } = useTranslation();
  const id = useId();
  const described = [note !== undefined && `${id}-note`, error !== undefined && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div className={styles.field}>
      <label htmlFor={id} className={clsx(styles.label, hideLabel && "sr-only")}>
        {label} {required && <span className={styles.note}>({t("required")})</span>}
      </label>
      {children({
        id,
        ...(described !== "" && { "aria-describedby": described }),
        ...(error !== undefined && { "aria-invalid": true }),
        ...(required && { "aria-required": true }),
      })}
      {note !== undefined && (
        <div id={`${id}-note`} className={styles.note}>
          {note}
        </div>
      )}
      {error !== undefined && (
        <div id={`${id}-error`} className={styles.error}>
          {error}
        </div>
      )}
    </div>
  );
}

type Look = { code?: boolean; small?: boolean };

export function Input({ code = false, small = false, className, ...rest }: ComponentProps<"input"> & Look) {
  return <input {...rest} className={clsx(styles.control, code && styles.code, small && styles.small, className)} />;
}

export function TextArea({ code = false, small = false, className, ...rest }: ComponentProps<"textarea"> & Look) {
  return <textarea {...rest} className={clsx(styles.control, code && styles.code, small && styles.small, className)} />;
}

export type Option = { value: string; label: string; disabled?: boolean };

/**
 * The browser's own select: it works on every device and in forced colours, and
 * adds no style elements, which the content security policy would stop.
 */
export function Select({ options, small = false, className, ...rest }: ComponentProps<"select"> & { options: readonly Option[]; small?: boolean }) {
  return (
    <select {...rest} className={clsx(styles.control, small && styles.small, className)}>
      {options.map((option) => (
        <option key={option.value} value={option.value} disabled={option.disabled}>
          {option.label}
        </option>
      ))}
    </select>
  );
}

export function Checkbox({ label, note, ...rest }: Omit<ComponentProps<"input">, "type"> & { label: ReactNode; note?: ReactNode }) {
  const id = useId();
  return (
    <div className={styles.check}>
      <input {...rest} id={id} type="checkbox" {...(note !== undefined && { "aria-describedby": `${id}-note` })} />
      <div>
        <label htmlFor={id}>{label}</label>
        {note !== undefined && (
          <div id={`${id}-note`} className={styles.note}>
            {note}
          </div>
        )}
      </div>
    </div>
  );
}

export type SwitchProps = { label: string; checked: boolean; onChange: (checked: boolean) => void; disabled?: boolean; hideLabel?: boolean };

/** For what takes effect at once; in a form that is sent, use a `Checkbox`. */
export function Switch({ label, checked, onChange, disabled = false, hideLabel = false }: SwitchProps) {
  const id = useId();
  return (
    <div className={styles.switchRow}>
      <Root id={id} checked={checked} onCheckedChange={onChange} disabled={disabled} className={styles.switch}>
        <Thumb className={styles.thumb} />
      </Root>
      <label htmlFor={id} className={clsx(hideLabel && "sr-only")}>
        {label}
      </label>
    </div>
  );
}
