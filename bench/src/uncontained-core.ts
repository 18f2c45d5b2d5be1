/** The package with containment taken off, to say what it costs. Bundled as the published one is; nothing else differs. */
import { containStrayErrors } from "../../packages/core/src/index.ts";
import { useContexts } from "../../packages/core/src/process/context.ts";

containStrayErrors(false);
useContexts(false);

export * from "../../packages/core/src/index.ts";
