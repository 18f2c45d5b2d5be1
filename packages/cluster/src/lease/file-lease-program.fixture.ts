/** One of several programs that race for a lease: folder, its own name, and how often it takes it are the arguments. */
import { fileLeases } from "./file-leases.ts";

const [folder, holder, times] = process.argv.slice(2) as [string, string, string];
const lease = fileLeases({ folder }).lease("race");
const tokens: number[] = [];
while (tokens.length < Number(times)) {
  const seen = await lease.read();
  if (seen?.holder !== undefined) continue;
  const { granted, record } = await lease.acquire({ holder, durationMs: 1_000 }, seen);
  if (!granted || record === undefined) continue;
  tokens.push(record.token);
  const renewed = await lease.renew(record);
  if (!renewed.granted || renewed.record === undefined) throw new Error(`${holder} lost what it held`);
  await lease.release(renewed.record); // The next one may have it before this is known.
}
process.stdout.write(JSON.stringify(tokens));
