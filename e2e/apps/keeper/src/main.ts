/** The program of a pod. */
import { runPod } from "@interlock/kubernetes";
import { keeper } from "./keeper.ts";

await runPod(keeper);
