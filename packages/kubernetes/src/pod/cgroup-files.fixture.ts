/** The files in which a container finds its limits, of both kinds of cgroups, put where the kernel's are. */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const MIB = 1_048_576;
/** What cgroup v1 says instead of "none". */
const UNLIMITED = "9223372036854771712";

/** `limitMiB` undefined: none. */
export const cgroupFiles = {
  v1: (limitMiB: number | undefined): Record<string, string> => {
    const bytes = limitMiB === undefined ? UNLIMITED : String(limitMiB * MIB);
    return {
      process: "4:memory:/kubepods/pod\n0::/\n",
      "cgroup/memory/kubepods/pod/memory.limit_in_bytes": bytes,
      "cgroup/memory/kubepods/pod/memory.soft_limit_in_bytes": UNLIMITED,
    };
  },
  v2: (limitMiB: number | undefined): Record<string, string> => ({
    process: "0::/kubepods/pod\n",
    "cgroup/kubepods/pod/memory.max": limitMiB === undefined ? "max" : String(limitMiB * MIB),
    "cgroup/kubepods/pod/memory.high": "max",
  }),
} as const;

/** What runs a command that sees these files, put before it. Needs root. */
export function withCgroupFiles(files: Readonly<Record<string, string>>): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), "interlock-cgroup-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), `${text.trim()}\n`);
  }
  const mounts = `mount --bind ${folder}/cgroup /sys/fs/cgroup && mount --bind ${folder}/process /proc/$$/cgroup`;
  return ["unshare", "--mount", "sh", "-c", `${mounts} && exec "$0" "$@"`];
}
