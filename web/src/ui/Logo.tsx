/** Lines that come in, cross, and go out again. */
export function Logo({ size = 22 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden>
      <rect width="32" height="32" rx="7" style={{ fill: "var(--accent)" }} />
      <path d="M6 10h6.5c3 0 3 12 6 12H26M6 22h6.500c1.200 0 1.900-1.900 2.500-4M26 10h-7.500c-1 0-1.700 1.400-2.200 3.200" fill="none" style={{ stroke: "var(--accent-fg)" }} strokeWidth="2.6" strokeLinecap="round" />
    </svg>
  );
}
