/** A mounted ConfigMap for tests, changed as the kubelet does it: all files to a folder of their own, then a link that is replaced. */
import { mkdirSync, mkdtempSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export class Mount implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), "interlock-mount-"));
  #version = 0;

  constructor(files: Readonly<Record<string, string>>) {
    this.swap(files);
  }

  swap(files: Readonly<Record<string, string>>): void {
    const version = `..${++this.#version}`;
    mkdirSync(join(this.directory, version));
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(this.directory, version, name), text);
      rmSync(join(this.directory, name), { force: true });
      symlinkSync(join("..data", name), join(this.directory, name));
    }
    const before = this.#version === 1 ? undefined : readlinkSync(join(this.directory, "..data"));
    symlinkSync(version, join(this.directory, "..data_tmp"));
    renameSync(join(this.directory, "..data_tmp"), join(this.directory, "..data"));
    if (before !== undefined) rmSync(join(this.directory, before), { recursive: true });
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true });
  }
}
