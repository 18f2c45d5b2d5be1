/** Starts the archive as a pod of its own. */
import { fitHeap } from "@interlock/kubernetes/heap";

/** PostgreSQL is no JavaScript: what it takes is outside of the heap. */
const HEAP_PERCENT = 25;

fitHeap(HEAP_PERCENT);
await import("./archive-program.ts");
