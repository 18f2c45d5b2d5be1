/** Starts one newsroom. */
import { fitHeap } from "@interlock/kubernetes/heap";

// In a pod, before anything else is loaded: where its memory asks for another heap, the program begins anew.
if (process.env["INTERLOCK_APP"] !== undefined) fitHeap();
await import("./program.ts");
