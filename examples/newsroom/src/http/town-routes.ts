/** The routes under /api/town: the nodes, and what can be done to them. */
import { Hono } from "hono";
import { z } from "zod";
import { actOnNode, cutOwnWire, cutWire, healWires, isTownAct, mendOwnWires } from "../town/break-town.ts";
import type { Town } from "../town/town.ts";
import { reportOn, type WireReport } from "../town/town-report.ts";
import { Refusal } from "./refusal.ts";

const farEnd = z.object({ here: z.string(), port: z.number().int() });

export function townRoutes(town: Town): Hono {
  const routes = new Hono();
  routes.get("/", async (c) => c.json(await reportOn(town)));
  routes.post("/cut/:one/:other", async (c) =>
    c.json({ message: await cutWire(c.req.param("one"), c.req.param("other")) }),
  );
  routes.post("/heal", async (c) => c.json({ message: await healWires() }));
  // Between the nodes themselves.
  routes.get("/wires", (c) => {
    const { here, node, wires } = town;
    const report: WireReport = { here, port: node.address.port, cuts: [...wires.cuts] };
    return c.json(report);
  });
  routes.post("/wires/cut", async (c) => {
    const { here, port } = farEnd.parse(await c.req.json());
    cutOwnWire(town, here, port);
    return c.json({});
  });
  routes.post("/wires/mend", (c) => {
    mendOwnWires(town);
    return c.json({});
  });
  routes.post("/:what/:node", async (c) => {
    const what = c.req.param("what");
    if (!isTownAct(what))
      throw new Refusal(404, "NEWSROOM_NOTHING_TO_BREAK", `Nodes cannot be told to ${what}.`, "kill, stop, start.");
    return c.json({ message: await actOnNode(town, what, c.req.param("node")) });
  });
  return routes;
}
