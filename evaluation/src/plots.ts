/** The plots, drawn by Vega from what was measured. */
import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import { faults } from "./faults.ts";
import type { Results } from "./results.ts";
import { deploymentNames } from "./target.ts";

export interface Plot {
  readonly name: string;
  readonly svg: string;
}

const order = { faults: faults.map(({ title }) => title), deployments: deploymentNames };
const titleOf = (fault: string): string => faults.find(({ name }) => name === fault)?.title ?? fault;
/** Of Okabe and Ito: told apart by everybody. */
const answered = "#0072B2";
const colours = ["#999999", "#E69F00", "#56B4E9", answered];
const config = {
  background: "white",
  font: "sans-serif",
  axis: { grid: false },
  view: { stroke: "#dddddd" },
};

export async function plotsOf(results: Results): Promise<readonly Plot[]> {
  const specs = {
    "requests.svg": requestsPlot(results),
    "healing.svg": healingPlot(results),
    "state.svg": statePlot(results),
  };
  return await Promise.all(
    Object.entries(specs).map(async ([name, spec]) => ({
      name,
      svg: `${await new View(parse(compile(spec).spec), { renderer: "none" }).toSVG()}\n`,
    })),
  );
}

/** A small multiple for each fault and deployment: in each second, the share of requests that was answered. */
function requestsPlot({ runs }: Results): TopLevelSpec {
  const values = runs.flatMap(({ deployment, fault, injectedAt, measured }) =>
    measured.series.map(({ lost, sent }, second) => ({
      deployment,
      fault: titleOf(fault),
      second: second - injectedAt,
      answered: sent === 0 ? 0 : (100 * (sent - lost)) / sent,
    })),
  );
  return {
    config,
    data: { values },
    facet: {
      row: { field: "fault", sort: order.faults, header: { title: null, labelAngle: 0, labelAlign: "left" } },
      column: { field: "deployment", sort: [...order.deployments], header: { title: null } },
    },
    resolve: { scale: { x: "independent" } },
    spec: {
      width: 150,
      height: 44,
      mark: { type: "area", interpolate: "step-after", color: answered, opacity: 0.8 },
      encoding: {
        x: { field: "second", type: "quantitative", title: null, axis: { tickCount: 4 } },
        y: {
          field: "answered",
          type: "quantitative",
          title: null,
          scale: { domain: [0, 100] },
          axis: { values: [0, 50, 100] },
        },
      },
    },
  };
}

function barsPlot(values: readonly object[], field: string, title: string): TopLevelSpec {
  const deployments = [...order.deployments];
  return {
    config,
    width: 520,
    height: { step: 11 },
    data: { values: [...values] },
    encoding: {
      y: { field: "fault", type: "nominal", sort: order.faults, title: null },
      yOffset: { field: "deployment", sort: deployments },
      x: { field, type: "quantitative", title },
    },
    layer: [
      {
        mark: { type: "bar" },
        encoding: {
          color: {
            field: "deployment",
            sort: deployments,
            title: null,
            legend: { orient: "top" },
            scale: { domain: deployments, range: colours },
          },
        },
      },
      { mark: { type: "text", align: "left", dx: 3, fontSize: 9 }, encoding: { text: { field: "label" } } },
    ],
  };
}

function healingPlot({ runs }: Results): TopLevelSpec {
  const values = runs
    .filter(({ fault }) => fault !== "calm")
    .map(({ deployment, fault, injectedAt, measured }) => ({
      deployment,
      fault: titleOf(fault),
      seconds: measured.healMs === undefined ? measured.seconds - injectedAt : measured.healMs / 1_000,
      label: measured.healMs === undefined ? "not healed" : (measured.healMs / 1_000).toFixed(1),
    }));
  return barsPlot(values, "seconds", "seconds from the first thing that was wrong for a visitor to the last");
}

function statePlot({ runs }: Results): TopLevelSpec {
  const values = runs
    .filter(({ fault }) => fault !== "calm")
    .map(({ deployment, fault, measured }) => ({
      deployment,
      fault: titleOf(fault),
      lost: measured.stateLost,
      label: String(measured.stateLost),
    }));
  return barsPlot(values, "lost", "of the last 40 messages in the room, how many a newcomer missed");
}
