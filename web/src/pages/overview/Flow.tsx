import { Link } from "@tanstack/react-router";
import { Table, Waypoints } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { count, tokens } from "../../lib/format";
import { requestQuery } from "../../lib/requestQuery";
import { Card } from "../../ui/Card";
import { IconButton } from "../../ui/IconButton";
import type { Schemas } from "../../api/client";
import { type Flow, layOut, type Node, OTHER, ribbonPath } from "./flowLayout";
import styles from "./overview.module.css";
import type { Window } from "./useOverview";

const HEIGHT = 220;
const BAR = 8; // px
const LETTER = 6.6; // px, about

/** From client format by model to provider, as wide as there are requests. */
export function TrafficFlow({ flows, window }: { flows: Schemas["Flows"]; window: Window }) {
  const { t } = useTranslation("overview");
  const [asTable, setAsTable] = useState(false);
  return (
    <Card
      title={t("flow.title")}
      note={`${t("flow.note")}, ${window.label}`}
      actions={
        <IconButton
          icon={asTable ? Waypoints : Table}
          small
          label={asTable ? t("flow.asPicture") : t("flow.asTable")}
          aria-pressed={asTable}
          onClick={() => setAsTable(!asTable)}
        />
      }
    >
      {asTable ? <FlowTable flows={flows.flows} window={window} /> : <Picture flows={flows} window={window.label} />}
      {flows.other > 0 && <p className={styles.note}>{t("flow.rest", { count: flows.other })}</p>}
    </Card>
  );
}

function useNames() {
  const { t } = useTranslation("overview");
  return (column: 0 | 1 | 2, name: string) => {
    if (name === OTHER) return t("flow.other");
    if (name !== "") return name;
    return column === 1 ? t("flow.noModel") : t("flow.noCredential");
  };
}

function Picture({ flows, window }: { flows: Schemas["Flows"]; window: string }) {
  const { t } = useTranslation("overview");
  const named = useNames();
  const host = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(640);
  useEffect(() => {
    const element = host.current;
    if (element === null) return undefined;
    const measure = () => {
      if (element.clientWidth > 0) setWidth(element.clientWidth);
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const picture = useMemo(() => layOut(flows.flows, HEIGHT), [flows.flows]);
  const most = flows.flows.slice(0, 3).map((flow) => t("flow.way", { ...flow, requests: count(flow.requests), model: named(1, flow.model), credential: named(2, flow.credential) }));
  const x = (column: 0 | 1 | 2) => (column * (width - BAR)) / 2;
  const place = new Map(picture.nodes.map((node) => [node.key, node]));
  return (
    <div ref={host}>
      <svg role="img" aria-label={t("flow.sentence", { total: count(flows.total), window, most: most.join("; ") })} width={width} height={picture.height} className={styles.flow}>
        {picture.ribbons.map((ribbon) => (
          <path key={ribbon.key} d={ribbonPath(ribbon, x(ribbon.column) + BAR, x(ribbon.column === 0 ? 1 : 2))} className={styles.ribbon} data-failing={failing(place.get(ribbon.to))}>
            <title>{`${named(ribbon.column, place.get(ribbon.from)?.name ?? "")} → ${named(ribbon.column === 0 ? 1 : 2, place.get(ribbon.to)?.name ?? "")}: ${count(ribbon.requests)}`}</title>
          </path>
        ))}
        {picture.nodes.map((node) => (
          <NodeBar key={node.key} node={node} x={x(node.column)} room={width / 3 - 8} name={named(node.column, node.name)} />
        ))}
      </svg>
    </div>
  );
}

/** Whether all that came to it failed. */
function failing(node: Node | undefined): boolean {
  return node !== undefined && node.failed === node.requests;
}

function NodeBar({ node, x, room, name }: { node: Node; x: number; room: number; name: string }) {
  const { t } = useTranslation("overview");
  const bad = node.failed === 0 ? 0 : Math.max(2, (node.failed / node.requests) * node.height);
  const requests = count(node.requests);
  const letters = Math.max(4, Math.floor(room / LETTER) - requests.length - 1);
  const end = node.column === 2;
  return (
    <g>
      <title>{t("flow.node", { name, requests, failed: count(node.failed) })}</title>
      <rect x={x} y={node.y} width={BAR} height={node.height} className={styles.nodeOk} />
      {bad > 0 && <rect x={x} y={node.y + node.height - bad} width={BAR} height={bad} className={styles.nodeBad} />}
      <text x={end ? x + BAR : x} y={node.y - 5} textAnchor={end ? "end" : node.column === 1 ? "middle" : "start"} dx={node.column === 1 ? BAR / 2 : 0}>
        {name.length > letters ? `${name.slice(0, letters - 1)}…` : name} <tspan className={styles.nodeCount}>{requests}</tspan>
      </text>
    </g>
  );
}

function FlowTable({ flows, window }: { flows: readonly Flow[]; window: Window }) {
  const { t } = useTranslation("overview");
  const named = useNames();
  return (
    // It scrolls, so the keyboard must reach it.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={styles.wide} tabIndex={0} role="region" aria-label={t("flow.title")}>
      <table className={styles.table}>
        <thead>
          <tr>
            {(["format", "model", "credential"] as const).map((name) => (
              <th key={name} scope="col">
                {t(`flow.${name}`)}
              </th>
            ))}
            {(["requests", "failed", "tokens"] as const).map((name) => (
              <th key={name} scope="col" className={styles.end}>
                {t(`flow.${name}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {flows.map((flow) => (
            <tr key={`${flow.format} ${flow.model} ${flow.credential}`}>
              <td>{flow.format}</td>
              <td>{named(1, flow.model)}</td>
              <td>{named(2, flow.credential)}</td>
              <td className={styles.end}>
                <Link to="/requests" search={{ range: window.text, ...requestQuery({ format: flow.format, model: flow.model, credential: flow.credential }) }}>
                  {count(flow.requests)}
                </Link>
              </td>
              <td className={styles.end}>{count(flow.failed)}</td>
              <td className={styles.end}>{tokens(flow.tokens)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
